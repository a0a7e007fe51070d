#include "samples/collector/store/clickhouse/engine/cluster.h"

#include <algorithm>
#include <map>
#include <set>

#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/schema.h"
#include "samples/collector/store/clickhouse/engine/tables.h"

namespace whydrop::collector::clickhouse {
namespace {

// Known to every version that this collector works with; an unknown setting would be refused. A replica that is far
// behind is asked only if there is no other.
constexpr int64_t kAskedUpToS = 10;
const QuerySettings kReadSettings = {
    {"max_replica_delay_for_distributed_queries", std::to_string(kAskedUpToS)},
    // Of one node from another: after so long without a word the next replica is asked, not after five minutes.
    {"receive_timeout", "20"},
    // Else a condition is moved before FINAL: it drops the newest row of a key, and an older one holds.
    {"optimize_move_to_prewhere", "0"},
};
constexpr int64_t kFarBehindS = 1000000;
constexpr std::chrono::milliseconds kGrace{5000};

}  // namespace

Cluster::Cluster(const Settings& settings) : settings_(settings) {
  for (const std::string& url : settings.nodes) {
    members_.push_back(std::make_unique<Member>());
    members_.back()->node = std::make_unique<Node>(url, settings);
  }
  if (settings.cluster.empty()) {
    // Nodes that are no cluster would each hold a part of the answers.
    if (members_.size() > 1) throw StoreError("several nodes need cluster=NAME in the store URL");
    members_[0]->shard = 0;
    shards_ = 1;
  }
}

void Cluster::Discover() {
  const auto now = std::chrono::steady_clock::now();
  auto next = discover_next_.load();
  // Whoever is first asks, with nothing locked: a node that hangs keeps only this thread.
  if (now < next || !discover_next_.compare_exchange_strong(next, now + std::chrono::seconds(1))) return;
  std::string stranger;
  for (const auto& member : members_) {
    if (member->shard >= 0) continue;
    try {
      const std::string answer = member->node->AskBriefly(
          "SELECT max(shard_num), maxIf(shard_num, is_local = 1) FROM "
          "system.clusters WHERE cluster = " +
          Quote(settings_.cluster) + " FORMAT RowBinary");
      RowReader row(answer);
      const uint32_t shards = row.U32();
      const uint32_t own = row.U32();
      if (shards == 0 || own == 0) {
        stranger = member->node->url() + " is no member of the cluster '" + settings_.cluster + "'";
        continue;
      }
      member->shard = static_cast<int>(own) - 1;
      shards_ = shards;
    } catch (const Unreachable&) {
      // It is asked again when its shard is wanted.
    }
  }
  if (!stranger.empty()) throw StoreError(stranger);
}

std::vector<Node*> Cluster::Replicas(size_t shard) {
  Discover();
  std::vector<Node*> nodes;
  for (const auto& member : members_) {
    if (member->shard == static_cast<int>(shard)) nodes.push_back(member->node.get());
  }
  if (!nodes.empty())
    std::rotate(nodes.begin(), nodes.begin() + static_cast<long>(turn_++ % nodes.size()), nodes.end());
  std::stable_partition(nodes.begin(), nodes.end(), [](const Node* node) { return node->reached(); });
  return nodes;
}

bool Cluster::EachShardIsReached() {
  for (size_t shard = 0; shard < shards_; ++shard) {
    bool reached = false;
    for (const auto& member : members_) reached |= member->shard == static_cast<int>(shard) && member->node->reached();
    if (!reached) return false;
  }
  return shards_ != 0;
}

std::string Cluster::Ask(const std::string& sql, const ExternalTable* keys, Moment until,
                         const std::atomic<bool>* over) {
  std::vector<Node*> nodes;
  for (const auto& member : members_) nodes.push_back(member->node.get());
  std::rotate(nodes.begin(), nodes.begin() + static_cast<long>(turn_++ % nodes.size()), nodes.end());
  std::stable_partition(nodes.begin(), nodes.end(), [](const Node* node) { return node->reached(); });
  for (size_t i = 0;; ++i) {
    QuerySettings settings = kReadSettings;
    Patience patience;
    patience.over = over;
    if (patience.IsOver()) throw StoreError("nobody waits for the answer any more");
    if (until != Moment::max()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (left.count() <= 0) throw StoreError("there is no time left for another node");
      // The engine counts whole seconds, looks at its clock between blocks, and says so itself if it is asked to wait.
      settings.emplace_back("max_execution_time", std::to_string(left.count() / 1000 + 1));
      patience.at_most = left + kGrace;
    }
    try {
      return nodes[i]->Ask(sql, settings, keys, patience);
    } catch (const Unreachable&) {
      if (i + 1 == nodes.size()) throw;
    } catch (const Lacking&) {
      if (i + 1 == nodes.size()) throw;
    }
  }
}

void Cluster::InsertAt(Node* node, const std::string& table, const std::string& rows, const QuerySettings& extra) {
  node->Insert(InsertInto(settings_, table) + "FORMAT RowBinary", rows, extra);
}

Node* Cluster::Insert(size_t shard, const std::string& table, const std::string& rows, const QuerySettings& extra) {
  std::string why = "no node of shard " + std::to_string(shard + 1) + " is known yet";
  for (Node* node : Replicas(shard)) {
    try {
      InsertAt(node, table, rows, extra);
      return node;
    } catch (const StoreError& error) {
      // A node that is reached may still be unable: read-only without its ZooKeeper, full, or starting.
      why = error.what();
    }
  }
  throw StoreError(why);
}

Lag Cluster::LagOf(Node* node) {
  Lag lag;
  try {
    if (settings_.cluster.empty()) {
      node->Ping();
      lag.reached = true;
      return lag;
    }
    const std::string answer = node->AskBriefly(
        "SELECT toUInt8(max(is_readonly OR is_session_expired)), toUInt64(sum(inserts_in_queue)), "
        "toUInt8(max(log_max_index > 0 AND log_pointer <= log_max_index)), toUInt64(max(absolute_delay)), "
        "toUInt8(min(active_replicas < total_replicas)), toUInt64(count()) FROM system.replicas WHERE database = " +
        Quote(settings_.database) + " FORMAT RowBinary");
    RowReader row(answer);
    const bool cut_off = row.U8() != 0;
    const uint64_t waiting = row.U64();
    const bool unread = row.U8() != 0;
    const auto delay = static_cast<int64_t>(row.U64());
    lag.alone = row.U8() != 0;
    lag.reached = row.U64() != 0;
    // The delay is of whole seconds and does not know yet what it has not been told.
    if (waiting != 0 || unread) lag.behind_s = std::min(delay, kFarBehindS) + 3;
    if (cut_off) lag.behind_s = kFarBehindS;
  } catch (const StoreError&) {
    lag.reached = false;
  }
  return lag;
}

int64_t Cluster::AnswersBehindS() {
  int64_t behind_s = 0;
  for (size_t shard = 0; shard < shards_ && !settings_.cluster.empty(); ++shard) {
    for (Node* node : Replicas(shard)) {
      const Lag lag = LagOf(node);
      if (lag.reached && lag.behind_s <= kAskedUpToS) behind_s = std::max(behind_s, lag.behind_s);
    }
  }
  return behind_s;
}

Node* Cluster::Freshest(size_t shard, Lag* best) {
  Node* freshest = nullptr;
  for (Node* node : Replicas(shard)) {
    const Lag lag = LagOf(node);
    if (!lag.reached || (freshest != nullptr && lag.behind_s >= best->behind_s)) continue;
    freshest = node;
    *best = lag;
    if (lag.behind_s == 0) break;
  }
  return freshest;
}

void Cluster::MakeTables() {
  std::string failed, not_reached;
  for (const auto& member : members_) {
    try {
      MakeTablesAt(member->node.get(), settings_);
    } catch (const Unreachable& error) {
      if (not_reached.empty()) not_reached = error.what();
    } catch (const StoreError& error) {
      if (failed.empty()) failed = error.what();
    }
  }
  if (!failed.empty()) throw StoreError(failed);
  if (!not_reached.empty()) throw Unreachable(not_reached);
}

void Cluster::CheckTables() {
  Discover();
  std::set<int> shards;
  std::map<int, std::string> lacking;
  std::string not_reached = "no node answers";
  for (const auto& member : members_) {
    try {
      if (HasTables(member->node.get(), settings_)) {
        shards.insert(member->shard);
      } else {
        lacking[member->shard] = member->node->url() + " has no tables in '" + settings_.database +
                                 "'; `whydrop-collector schema --store URL --apply` makes them";
      }
    } catch (const Unreachable& error) {
      not_reached = error.what();
    }
  }
  for (const auto& [shard, why] : lacking) {
    // A replica that has just been put in is brought up beside those that serve.
    if (shards.count(shard) == 0) throw StoreError(why);
  }
  if (shards.empty()) throw Unreachable(not_reached);
}

}  // namespace whydrop::collector::clickhouse
