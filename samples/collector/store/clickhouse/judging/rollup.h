// Counts the verdicts of each day that changed, so that answers need not read every connection.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_ROLLUP_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_ROLLUP_H

#include <cstdint>
#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/cluster.h"

namespace whydrop::collector::clickhouse {

class Rollup {
 public:
  Rollup(Cluster* cluster, uint32_t keep_days) : cluster_(cluster), keep_days_(keep_days) {}

  // kYes: days that change all the time are counted as often as costs a tenth of the time.
  enum class Wait { kYes, kNo };
  // Counts the days of one shard that changed since they were counted last, and those of which nothing waits any more
  // that did. False if that must wait. Throws StoreError.
  bool Pass(size_t shard, Wait wait, int64_t now_s);

  // Removes what newer counts replaced ten minutes ago, and days that are kept no longer.
  void Purge(size_t shard, int64_t now_s);

 private:
  struct Day {
    uint32_t number = 0;  // days since 1970
    uint64_t touched_ms = 0;
    uint64_t generation = 0;
    int64_t waits_until_s = 0;  // the last of its connections that wait for their other end; 0: none does
  };

  std::vector<Day> ReadDays(Node* node);
  void Count(Node* node, const Day& day, int64_t now_s);
  void DropPartition(Node* node, const std::string& table, const std::string& partition);

  Cluster* const cluster_;
  const int64_t keep_days_;
  std::vector<int64_t> not_before_ms_;  // by shard
};

}  // namespace whydrop::collector::clickhouse

#endif
