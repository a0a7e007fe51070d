// The rows that are counted, of `connections` and of the sessions of clients: whoever adds or deletes one does it here,
// or tells the counts (rollups.h).
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_COUNTED_TABLES_H
#define WHYDROP_COLLECTOR_SQLITE_COUNTED_TABLES_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samples/collector/store/judgement.h"
#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/sqlite/rollups.h"

namespace whydrop::collector {

// What is counted of a client's session.
CountedRow CountSession(const std::string& app_id, int64_t ended_s, int64_t end, const std::string& app_version,
                        int64_t platform, int64_t tag_set);

// What a row of `connections` holds beside what is counted of it.
struct ConnectionOrigin {
  std::optional<int64_t> record;   // none: it was only counted by its sender
  std::optional<int64_t> session;  // the client's
  int64_t confidence = 0;
  int64_t decided_s = 0;  // waits for the other end until then; 0: not
};

struct CountedConnection {
  ConnectionOrigin origin;
  CountedRow row;
};

class CountedTables {
 public:
  explicit CountedTables(Database* db);

  // What is added may wait for company until Flush, which whoever reads `connections` calls before.
  void Add(CountedConnection connection);
  void Flush();
  void DropConnectionOf(int64_t record);

  // The last thing before a transaction is committed, and the first after it was rolled back.
  void Finish();
  void Forget();

  // Deletes some of what ended before: connections, records, sessions without records, batches, sets of tags. True if
  // there may be more.
  bool PurgeSome(int64_t before_s);

  Rollups* rollups() { return &rollups_; }

 private:
  void AddSome(Statement* add, const CountedConnection* first, size_t count);

  std::vector<CountedConnection> waiting_;
  Rollups rollups_;
  Statement add_, add_many_, drop_, old_connections_, old_records_, old_sessions_, old_batches_;
  Database* db_;
};

}  // namespace whydrop::collector

#endif
