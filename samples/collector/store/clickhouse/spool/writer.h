// Takes batches and puts them into the spool, on a thread of its own: many with one sync of the disk. Then they are
// answered.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_WRITER_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_WRITER_H

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "samples/collector/store/clickhouse/encoding/encoder.h"
#include "samples/collector/store/clickhouse/spool/spool.h"
#include "samples/collector/store/store.h"
#include "samples/collector/store/waiting_batches.h"

namespace whydrop::collector::clickhouse {

// Why a segment was closed: blocks that fill up before their time are the sign of a heavy load.
enum class ClosedFor { kItsTime, kItsSize };

class SpoolWriter {
 public:
  using Clock = std::chrono::steady_clock;
  using GiveFn = std::function<void(Segment, ClosedFor)>;

  // `give` gets each segment that is closed. `owner` as the encoder's.
  SpoolWriter(const Settings& settings, Spool* spool, uint32_t owner, Stamps* stamps, Metrics* metrics, GiveFn give);
  ~SpoolWriter();
  void Start();

  // As Store::Submit.
  bool Submit(Batch batch, Store::Done done);

  // Labels that are in the engine already.
  void Learn(std::vector<Label> labels);

  // Returns when all that was submitted before was given away. False: that took too long, or it was stopped.
  bool CloseAll(Clock::time_point until);

  // Writes what was submitted, and gives it away.
  void Stop();

  // "": it can write.
  std::string trouble();
  // When the oldest batch was received that is answered and not given away yet; INT64_MAX: there is none.
  int64_t OldestS();

 private:
  void Loop();
  void Write(std::vector<PendingBatch>* group);
  bool WantsToClose() const;
  bool IsFull() const;

  const Settings settings_;
  Spool* const spool_;
  Metrics* const metrics_;
  const GiveFn give_;
  Encoder encoder_;           // the thread's
  Clock::time_point opened_;  // the open segment; the thread's

  std::mutex mutex_;
  std::condition_variable wakes_, gave_;
  WaitingBatches waiting_;  // guarded by mutex_, as all that follows
  std::vector<Label> learned_;
  // So many batches were submitted, written, and given away, and are to be given away.
  uint64_t submitted_ = 0, written_ = 0, given_ = 0, wanted_ = 0;
  int64_t oldest_s_ = INT64_MAX;
  bool stopping_ = false;
  std::string trouble_;

  std::thread thread_;
};

}  // namespace whydrop::collector::clickhouse

#endif
