// Judges what waits in the table `work`, with the same code as every store. Any collector may judge anything at any
// time, several at once too: a verdict follows from the rows alone, and that of who saw more rows, or later, holds.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_JUDGE_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_JUDGE_H

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/clickhouse/engine/cluster.h"
#include "samples/collector/store/clickhouse/engine/labels.h"
#include "samples/collector/store/clickhouse/judging/ends.h"
#include "samples/collector/store/clickhouse/judging/work_list.h"
#include "samples/collector/store/clickhouse/stamp.h"

namespace whydrop::collector::clickhouse {

class Judge {
 public:
  Judge(Cluster* cluster, Stamps* stamps, uint32_t join_window_s, int64_t started_s, Metrics* metrics);

  // Labels that are in the engine already.
  void Learn(const std::vector<Label>& labels) { labels_.Learn(labels); }

  // Work that this collector makes bears its number.
  uint32_t owner() const { return owner_; }

  // Judges what is due, for as long as it `may_go_on`, which is asked again and again and may wait. True if nothing of
  // it waits any more: of own work that is all that was in the engine before, of what others left all that was there
  // when it was looked for last. `sent_since_s`: rows were sent since the last round that was clean, of which the
  // oldest were received then; INT64_MAX: none were. Throws StoreError.
  using MayGoOnFn = std::function<bool()>;
  bool Round(int64_t now_s, int64_t sent_since_s, WhoseWork whose, const MayGoOnFn& may_go_on);

 private:
  // Some items, in the order of their keys.
  struct Items {
    const WorkItem* begin_ = nullptr;
    const WorkItem* end_ = nullptr;
    const WorkItem* begin() const { return begin_; }
    const WorkItem* end() const { return end_; }
  };
  enum class Result {
    kDone,
    kWaits,  // rows are on their way to this node
    kStop,   // a copy is waited for, the node is gone, or it may not go on
  };
  // What a round has of one shard.
  struct Of {
    size_t shard = 0;
    Node* node = nullptr;
    uint64_t until_us = 0;  // the node has what is due before
    int64_t now_s = 0;
  };
  // What is to be written of it.
  struct Judged {
    RowWriter verdicts, work;
    std::vector<int64_t> touched;  // a moment of each day that verdicts are of
  };

  bool RoundOfShard(size_t shard, int64_t now_s, int64_t sent_since_s, WhoseWork whose, const MayGoOnFn& may_go_on);
  Result JudgeItems(const Of& of, std::vector<WorkItem> items, const MayGoOnFn& may_go_on);
  Result JudgeKeys(const Of& of, Items items, Judged* judged);
  // False: no other node has it yet.
  bool Write(const Of& of, Judged* judged);
  // Says of those items that nothing keeps that they are done.
  static Result PutAllDone(Items items, std::vector<WorkKey> done, std::vector<WorkKey> waiting, uint64_t until_us,
                           RowWriter* work);
  void PutLabels();
  // Has the connections judged again that other batches of their session speak of. Returns the keys that are link keys;
  // those of them whose turn has not come are put into `waiting` instead.
  std::vector<WorkKey> FollowLinks(const Of& of, const ExternalTable& keys, std::vector<WorkKey>* waiting);
  void PutVerdicts(const KeyRows& key, int64_t now_s, Judged* out);

  Cluster* const cluster_;
  Stamps* const stamps_;
  const int64_t join_window_s_;
  const uint32_t owner_;
  WorkList work_list_;
  bool made_work_ = false;  // that is due already, perhaps in a shard that was looked at
  KnownLabels labels_;      // what servers saw
};

// Milliseconds since 1970 by this machine, whatever clock the store was given.
int64_t MachineMs();

// Waits a little until another node of the shard has what `node` was just given. True too if there is no other to wait
// for: what then is lost with the node is what the spool still holds.
bool WaitForCopy(Cluster* cluster, size_t shard, Node* node);

}  // namespace whydrop::collector::clickhouse

#endif
