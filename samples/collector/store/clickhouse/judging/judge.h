// Judges what waits in the table `work`, with the same code as every store. Any collector may judge anything at any
// time, several at once too: a verdict follows from the rows alone, and that of who saw more rows, or later, holds.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_JUDGE_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_JUDGE_H

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/clickhouse/engine/cluster.h"
#include "samples/collector/store/clickhouse/engine/labels.h"
#include "samples/collector/store/clickhouse/judging/ends.h"
#include "samples/collector/store/clickhouse/stamp.h"

namespace whydrop::collector::clickhouse {

enum class WhoseWork { kOwn, kAll };

class Judge {
 public:
  Judge(Cluster* cluster, Stamps* stamps, uint32_t join_window_s, Metrics* metrics);

  // Labels that are in the engine already.
  void Learn(const std::vector<Label>& labels) { labels_.Learn(labels); }

  // Work that this collector makes bears its number; that of others is left to them for a while.
  uint32_t owner() const { return owner_; }

  enum class Result {
    kClean,  // there is no more
    kMore,
    kBehind,  // the nodes that answer do not have everything yet, or a copy is waited for
  };
  // Work of one shard that became due since `from_us`. Throws StoreError.
  Result Pass(size_t shard, uint64_t from_us, int64_t now_s, WhoseWork whose);

 private:
  using Key = std::pair<std::string, std::string>;  // app, join key or link key
  struct Item {
    uint64_t due_us = 0;
    Key key;
    uint32_t owner = 0;
  };

  std::vector<Item> DueItems(Node* node, uint64_t from_us, uint64_t to_us, WhoseWork whose);
  // Says of those items that nothing keeps that they are done. True if others are left.
  static bool PutDone(const std::vector<Item>& items, const std::set<Key>& judged, const std::set<Key>& waiting,
                      uint64_t to_us, RowWriter* work);
  void PutLabels();
  // Has the connections judged again that other batches of their session speak of. Returns the keys that are link keys;
  // those of them whose turn has not come are put into `waiting` instead.
  std::vector<Key> FollowLinks(Node* node, const std::vector<Key>& keys, int64_t now_s, std::set<Key>* waiting);
  void PutVerdicts(const KeyRows& key, int64_t now_s, RowWriter* verdicts, RowWriter* work, std::vector<int64_t>* days);

  Cluster* const cluster_;
  Stamps* const stamps_;
  const int64_t join_window_s_;
  const uint32_t owner_;
  KnownLabels labels_;  // what servers saw
};

// Milliseconds since 1970 by this machine, whatever clock the store was given.
int64_t MachineMs();

// Waits a little until another node of the shard has what `node` was just given. True too if there is no other to wait
// for: what then is lost with the node is what the spool still holds.
bool WaitForCopy(Cluster* cluster, size_t shard, Node* node);

}  // namespace whydrop::collector::clickhouse

#endif
