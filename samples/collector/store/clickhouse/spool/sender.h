// Brings what the spool closed into the engine, the oldest first, on a thread of its own; and what collectors left that
// are gone.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_SENDER_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_SENDER_H

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "samples/collector/store/clickhouse/engine/table_check.h"
#include "samples/collector/store/clickhouse/spool/sent_segments.h"
#include "samples/collector/store/clickhouse/spool/writer.h"

namespace whydrop::collector::clickhouse {

class Sender {
 public:
  using Clock = std::chrono::steady_clock;

  // `found`: what an earlier collector left. `moved_on` is called after each segment.
  Sender(Cluster* cluster, TableCheck* tables, Spool* spool, Delivery* delivery, SentSegments* sent_segments,
         std::vector<Segment> found, std::function<void()> moved_on);
  ~Sender();
  void Start();

  void Take(Segment segment, ClosedFor why);

  // Returns when all that was taken before is in the engine. False: that took too long, or it was stopped.
  bool WaitUntilSent(Clock::time_point until);

  // Whether rows come faster than a block in its time: then the engine has enough to do.
  bool IsUnderLoad();
  // When the oldest batch was received that was taken and is not in the engine; INT64_MAX: there is none.
  int64_t OldestS();
  // "": the last try went well.
  std::string trouble();

  // Goes on until everything that was taken is in the engine, or it is so late. The rest stays in the spool.
  void Stop(Clock::time_point until);

 private:
  struct Ready {
    Segment segment;
    uint64_t deaths;  // of nodes, before the first try: one that dies between two may be the only one that has it
  };

  void Loop();
  void SendFirst();
  void Prepare(Ready* first);
  bool HasTime();
  void TakeOver();

  Cluster* const cluster_;
  TableCheck* const tables_;
  Spool* const spool_;
  Delivery* const delivery_;
  SentSegments* const sent_segments_;
  const std::function<void()> moved_on_;
  // The thread's.
  Clock::time_point searched_;
  Delivery::Blocks blocks_;
  const Ready* blocks_of_ = nullptr;    // nullptr: there are none
  std::future<Delivery::Blocks> next_;  // made while the engine takes those before
  const Ready* next_of_ = nullptr;

  std::mutex mutex_;
  std::condition_variable wakes_, emptied_;
  std::deque<Ready> ready_;  // guarded by mutex_, as all that follows
  uint64_t taken_ = 0, gone_ = 0;
  Clock::time_point filled_;  // when a segment was taken that was closed for its size
  Clock::time_point give_up_ = Clock::time_point::max();
  bool stopping_ = false;
  std::string trouble_;

  std::thread thread_;
};

}  // namespace whydrop::collector::clickhouse

#endif
