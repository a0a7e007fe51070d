// Counts of the tables `connections` and `sessions` by hour and by day, kept in the transaction that changes the rows
// they count: every row that comes adds, every row that goes takes away what it added, so that the counts are the sums
// of the rows at any moment.
//
// What is counted where: count_plan.h.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_ROLLUPS_H
#define WHYDROP_COLLECTOR_SQLITE_ROLLUPS_H

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "samples/collector/store/count_plan.h"
#include "samples/collector/store/judgement.h"
#include "samples/collector/store/sqlite/db.h"

namespace whydrop::collector {

// What is counted of a row.
struct CountedRow {
  int64_t kind = 0;  // enum RowKind
  std::string app_id;
  int64_t at_s = 0;
  int64_t count = 1;
  int64_t cause = 0;
  int64_t outcome = 0;
  std::string app_version;
  std::string endpoint;
  std::string network;
  int64_t platform = 0;
  std::string server_error;
  int64_t tag_set = 0;
  int64_t findings = 0;
};

class Rollups {
 public:
  explicit Rollups(Database* db);

  void Add(const CountedRow& row) { Change(row, row.count); }
  void Remove(const CountedRow& row) { Change(row, -row.count); }

  // The id of a set of tags, 0 of none. `tags` has each key once, none with an empty value.
  int64_t TagSet(const std::map<std::string, std::string>& tags, int64_t now_s);

  // Writes what was changed to the tables.
  void Write();

  // After a rollback: nothing was changed.
  void Forget();

 private:
  // The columns of the table but the count, in their order.
  using Key = std::array<int64_t, 11>;
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  using Facets = std::vector<std::pair<int64_t, int64_t>>;  // words: facet and value

  void Change(const CountedRow& row, int64_t by);
  int64_t Word(const std::string& word);
  const Facets& FacetsOf(int64_t tag_set);
  void WriteOne(const Key& key, int64_t by);

  Database* db_;
  Statement find_word_, add_word_, find_set_, add_set_, use_set_, add_set_tag_, set_tags_, add_, take_, drop_;
  std::unordered_map<std::string, int64_t> words_;
  std::unordered_map<std::string, std::pair<int64_t, int64_t>> sets_;  // id, and the day of its last use
  std::unordered_map<int64_t, Facets> facets_;
  std::unordered_map<Key, int64_t, KeyHash> changes_;
};

}  // namespace whydrop::collector

#endif
