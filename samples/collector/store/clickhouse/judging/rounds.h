// Judges what was brought into the engine and counts it, round after round, on a thread of its own.
//
// Judging costs the engine more than taking rows in does. So while rows come faster than a block in its time, it waits,
// as long as answers are not too far behind.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_ROUNDS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_ROUNDS_H

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "samples/collector/store/clickhouse/engine/table_check.h"
#include "samples/collector/store/clickhouse/judging/judge.h"
#include "samples/collector/store/clickhouse/judging/rollup.h"
#include "samples/collector/store/clickhouse/judging/servers.h"
#include "samples/collector/store/clickhouse/spool/sent_segments.h"
#include "samples/collector/store/clickhouse/stamp.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector::clickhouse {

class Rounds {
 public:
  using Clock = std::chrono::steady_clock;

  // What the rounds ask of the threads before them. Both outlive the rounds.
  struct Before {
    // When the oldest batch was received that is acknowledged and not in the engine; INT64_MAX: there is none.
    std::function<int64_t()> oldest_s;
    std::function<bool()> is_under_load;
  };
  using LearnFn = std::function<void(std::vector<Label>)>;
  // `learned` gets all labels that the engine has, now and then.
  Rounds(Cluster* cluster, TableCheck* tables, Judge* judge, Stamps* stamps, SentSegments* sent, Before before,
         const StoreSettings& settings, ClockFn now, int64_t newest_report_s, LearnFn learned);
  ~Rounds();
  void Start();

  // A segment is in the engine.
  void Wake();

  // Returns when a round, of everybody's work, that began after the call found everything in the answers. False: that
  // took too long, or it was stopped.
  bool Settle(Clock::time_point until);

  struct State {
    int64_t complete_until_s = 0;
    int64_t newest_report_s = 0;
    std::string trouble;  // why the last round did not end; "": it did
  };
  State state();

  // After one more round, if it is not too late for that.
  void Stop(Clock::time_point until);

 private:
  enum class Haste { kNone, kSettle };

  void Loop();
  bool Round(Haste haste, int64_t now_s);
  bool IsOver();
  bool MayGoOn();
  void Refresh();

  Cluster* const cluster_;
  TableCheck* const tables_;
  Judge* const judge_;
  Stamps* const stamps_;
  SentSegments* const sent_segments_;
  const Before before_;
  const ClockFn now_;
  const LearnFn learned_;

  // The thread's.
  Servers servers_;
  Rollup rollup_;
  Clock::time_point reviewed_, purged_, refreshed_;
  uint64_t reviewed_count_ = 0;  // of the segments that were sent
  int64_t answers_behind_s_ = 0;

  std::mutex mutex_;
  std::condition_variable wakes_, settled_;
  bool woken_ = false;                            // guarded by mutex_, as all that follows
  uint64_t settle_wanted_ = 0, settle_done_ = 0;  // numbers of wishes
  bool stopping_ = false;
  Clock::time_point give_up_ = Clock::time_point::max();
  State state_;

  std::thread thread_;
};

}  // namespace whydrop::collector::clickhouse

#endif
