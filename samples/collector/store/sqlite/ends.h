// Reads the ends of a connection back from the tables, for the writer that judges them and for the answers that explain
// the judgement.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_ENDS_H
#define WHYDROP_COLLECTOR_SQLITE_ENDS_H

#include <cstdint>
#include <string>
#include <vector>

#include "samples/collector/store/judgement.h"
#include "samples/collector/store/sqlite/db.h"

namespace whydrop::collector {

class EndReader {
 public:
  explicit EndReader(const Database& db);

  std::vector<StoredEnd> ByToken(const std::string& app_id, const std::string& token_hash);
  std::vector<StoredEnd> ById(int64_t record);

 private:
  std::vector<StoredEnd> Read(Statement* statement);

  Statement by_token_;
  Statement by_id_;
};

}  // namespace whydrop::collector

#endif
