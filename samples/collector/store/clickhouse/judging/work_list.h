// What waits in the table `work`: finds it, one part of about the same size after the other, and remembers until when
// nothing waits any more, so that a round need not look at everything again.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_WORK_LIST_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_WORK_LIST_H

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"

namespace whydrop::collector::clickhouse {

using WorkKey = std::pair<std::string, std::string>;  // app, join key or link key

struct WorkItem {
  uint64_t due_us = 0;
  WorkKey key;
  uint32_t owner = 0;
};

// Work that a collector makes bears its number; that of others is left to them for a while.
enum class WhoseWork { kOwn, kOwnAndLeft, kAll };

// Of work that became due in [from_us, to_us).
struct WorkSpan {
  uint64_t from_us = 0;
  uint64_t to_us = 0;
};

class WorkList {
 public:
  // What collectors that are gone left in the three days before `started_s` is looked for.
  WorkList(const Settings& settings, uint32_t owner, int64_t started_s);

  // A round is about what waits at its beginning. kOwn becomes kOwnAndLeft when it is time to look for that.
  // `sent_since_s`: work that became due since then may have come in, perhaps long after; INT64_MAX: none has.
  struct Round {
    WhoseWork whose = WhoseWork::kOwn;
    WorkSpan span;
  };
  Round Begin(size_t shard, uint64_t to_us, int64_t sent_since_s, WhoseWork whose);
  // Nothing of the round waits that became due before `until_us`.
  void Reached(size_t shard, const Round& round, uint64_t until_us);
  // What others left waited when it was looked for last, perhaps.
  bool LeftWaits(size_t shard) const { return marks_[shard].left_waits; }

  // The parts of a round, the oldest first.
  std::vector<WorkSpan> Parts(Node* node, const Round& round);
  // What of a part waits, or the oldest kMostItems of it.
  static constexpr size_t kMostItems = 200000;
  std::vector<WorkItem> Read(Node* node, const Round& round, const WorkSpan& part);

 private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    uint64_t own_us = 0;   // no own work waits that became due before
    uint64_t left_us = 0;  // nor what others have left
    bool left_waits = true;
    Clock::time_point begun, look_next;
  };

  const Settings& settings_;
  const uint32_t owner_;
  uint64_t first_us_;        // of a shard that was not looked at yet
  std::vector<Mark> marks_;  // by shard
};

// Says in a row of `work` that an item is done.
void PutDone(const WorkItem& item, RowWriter* work);

}  // namespace whydrop::collector::clickhouse

#endif
