// Segments that are in the engine: the file of each is kept in the spool until it was judged and a second node has it,
// and sent again where a node died that may have been the only one. Without replicas there is no second node to wait
// for.
//
// Kept until it was judged: what is not, when a collector dies, is found again by who takes its file over. Only where
// the spool is half full a file goes before; then a collector that starts finds it. What is not judged is remembered
// also without its file: this collector has to look for it.
//
// Thread rule: one thread adds and one looks after them; everything else from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SENT_SEGMENTS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SENT_SEGMENTS_H

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "samples/collector/store/clickhouse/engine/cluster.h"
#include "samples/collector/store/clickhouse/spool/delivery.h"
#include "samples/collector/store/clickhouse/spool/spool.h"

namespace whydrop::collector::clickhouse {

class SentSegments {
 public:
  SentSegments(Cluster* cluster, Spool* spool, Delivery* delivery)
      : cluster_(cluster), spool_(spool), delivery_(delivery) {}

  // Of nodes, as far as they were counted.
  uint64_t deaths();
  // `deaths`: what was counted before it was sent for the first time.
  void Add(Segment segment, uint64_t deaths);

  // How many were added.
  uint64_t count();
  // When the oldest batch was received that may not be judged; INT64_MAX: there is none.
  int64_t OldestS();

  // All of the first `count` was judged.
  void Judged(uint64_t count);
  // Sends again what may be lost, until `is_over`, and lets go what can be.
  void LookAfter(int64_t now_s, const std::function<bool()>& is_over);

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    Segment segment;
    Clock::time_point sent;
    uint64_t deaths = 0;  // that were counted before it was sent
    bool judged = false;
    bool has_file = true;
  };
  struct Down {
    Clock::time_point since;
    bool counted = false;
  };

  bool HasReplicas() const { return !cluster_->settings().cluster.empty(); }
  std::vector<Kept*> All();
  void CountDeaths();
  void SendAgain(Kept* kept, int64_t now_s);
  bool IsHalfFull() const { return spool_->bytes() > spool_->max_bytes() / 2; }
  void RemoveFile(Kept* kept);
  bool IsCopied(Clock::time_point sent);

  Cluster* const cluster_;
  Spool* const spool_;
  Delivery* const delivery_;
  // Of who looks after them.
  std::map<Node*, Down> down_;
  std::map<Node*, Lag> lags_;

  std::mutex mutex_;
  std::deque<Kept> kept_;  // guarded by mutex_, as all that follows; the oldest first
  uint64_t let_go_ = 0;    // so many were before those
  uint64_t deaths_ = 0;
};

}  // namespace whydrop::collector::clickhouse

#endif
