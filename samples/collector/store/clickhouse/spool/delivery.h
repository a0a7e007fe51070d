// Brings one segment into the engine: the very same bytes to one node after the other until one takes them.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_DELIVERY_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_DELIVERY_H

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "samples/collector/metrics.h"
#include "samples/collector/store/clickhouse/engine/cluster.h"
#include "samples/collector/store/clickhouse/spool/spool.h"
#include "samples/collector/store/clickhouse/stamp.h"

namespace whydrop::collector::clickhouse {

class Delivery {
 public:
  // `owner`: of the work that it makes anew, or takes over.
  Delivery(Cluster* cluster, Spool* spool, uint32_t owner, Stamps* stamps, Metrics* metrics)
      : cluster_(cluster), spool_(spool), owner_(owner), stamps_(stamps), metrics_(metrics) {}

  // What a segment brings, as the engine gets it.
  struct Blocks {
    std::map<std::pair<Table, size_t>, std::string> rows;  // by table and shard
    bool to_be_taken_anyway = false;                       // although the engine knows a block
  };

  // Throws SpoolError if the segment cannot be read, and Unreachable while the number of shards is not known.
  Blocks Prepare(Segment* segment);
  // Throws StoreError if a shard takes nothing.
  void Insert(const Blocks& blocks);
  // After a node died: to be taken although the engine knows the block, with its work due anew.
  void SendAgain(Segment* segment, int64_t now_s);

 private:
  // `again_s`: as of when its work is due anew; 0: as it was.
  Blocks Prepare(Segment* segment, int64_t again_s, bool takes_over);
  std::string OwnWork(const std::vector<std::string_view>& work, int64_t again_s);

  Cluster* const cluster_;
  Spool* const spool_;
  const uint32_t owner_;
  Stamps* const stamps_;
  Metrics* const metrics_;
};

}  // namespace whydrop::collector::clickhouse

#endif
