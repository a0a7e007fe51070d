// The nodes of the engine: which shard each belongs to, who can be asked, and how far one is behind.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_CLUSTER_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_CLUSTER_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/node.h"

namespace whydrop::collector::clickhouse {

// How far a node has what other nodes of its shard were given.
struct Lag {
  bool reached = false;
  int64_t behind_s = 0;  // 0: it has everything
  bool alone = false;    // another node of its shard is down: what only that one has cannot come
};

class Cluster {
 public:
  explicit Cluster(const Settings& settings);

  const Settings& settings() const { return settings_; }

  // Asks the nodes that have not told their shard yet, at most once a second. Throws StoreError if one belongs to none.
  void Discover();
  // 0 until a node has told it.
  size_t shards() const { return shards_; }
  // Those that were reached at the last try come first.
  std::vector<Node*> Replicas(size_t shard);
  bool EachShardIsReached();

  using Moment = std::chrono::steady_clock::time_point;
  // Asks any node, another one if that is not reached or lacks what is asked for, until it is too late or `over` was
  // set. Throws StoreError.
  std::string Ask(const std::string& sql, const ExternalTable* keys = nullptr, Moment until = Moment::max(),
                  const std::atomic<bool>* over = nullptr);

  // Gives the very same bytes to one node of the shard after the other until one takes them, and says which.
  Node* Insert(size_t shard, const std::string& table, const std::string& rows, const QuerySettings& extra = {});
  void InsertAt(Node* node, const std::string& table, const std::string& rows, const QuerySettings& extra = {});

  Lag LagOf(Node* node);
  // How far the nodes that may be asked are behind.
  int64_t AnswersBehindS();
  // The node of the shard that is least behind; nullptr if none is reached.
  Node* Freshest(size_t shard, Lag* lag);

  // Makes what is missing on every node. Throws StoreError that names the first node where that failed, after the
  // others were done; to be tried again then. Unreachable: no node failed otherwise.
  void MakeTables();
  // Throws StoreError if a node's tables cannot be used, or no node of a shard that answers has any; Unreachable if
  // none answers.
  void CheckTables();

 private:
  struct Member {
    std::unique_ptr<Node> node;
    std::atomic<int> shard{-1};
  };

  const Settings settings_;
  std::vector<std::unique_ptr<Member>> members_;
  std::atomic<size_t> shards_{0};
  std::atomic<size_t> turn_{0};
  std::atomic<std::chrono::steady_clock::time_point> discover_next_{std::chrono::steady_clock::time_point()};
};

}  // namespace whydrop::collector::clickhouse

#endif
