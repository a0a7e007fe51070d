// Brings closed segments into the engine and keeps each until a second node has it: the very same bytes to one node
// after the other until one takes them, and again where a node died that may have been the only one.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_DELIVERY_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_DELIVERY_H

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "samples/collector/metrics.h"
#include "samples/collector/store/clickhouse/engine/cluster.h"
#include "samples/collector/store/clickhouse/spool/spool.h"
#include "samples/collector/store/clickhouse/stamp.h"

namespace whydrop::collector::clickhouse {

class Delivery {
 public:
  Delivery(Cluster* cluster, Spool* spool, Stamps* stamps, Metrics* metrics)
      : cluster_(cluster), spool_(spool), stamps_(stamps), metrics_(metrics) {}

  void Add(Segment segment) { ready_.push_back(std::move(segment)); }

  // Sends what is ready, the oldest first. Throws StoreError when a shard takes nothing; the rest waits. A segment that
  // cannot be read is set aside.
  void Send();

  // After everything that was sent has been judged: lets go what a second node has, sends again what may be lost.
  void Confirm(int64_t now_s);

  bool empty() const { return ready_.empty(); }
  // Of the oldest batch that is not let go yet; INT64_MAX: there is none.
  int64_t OldestHeldS() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Held {
    Segment segment;
    Clock::time_point sent;
    uint64_t deaths = 0;  // of nodes, that were counted when it was sent
  };

  // `again`: to be taken although the engine knows the block, with its work due anew.
  enum class Which { kFirst, kAgain };
  // Throws SpoolError if it cannot be read.
  void SendSegment(Segment* segment, Which which, int64_t now_s);
  void CountDeaths();
  bool IsCopied(const Held& held);

  Cluster* const cluster_;
  Spool* const spool_;
  Stamps* const stamps_;
  Metrics* const metrics_;
  std::deque<Segment> ready_;
  std::deque<Held> held_;
  struct Down {
    Clock::time_point since;
    bool counted = false;
  };
  std::map<Node*, Down> down_;
  std::map<Node*, Lag> lags_;  // as of the last Confirm
  uint64_t deaths_ = 0;
};

}  // namespace whydrop::collector::clickhouse

#endif
