#include "samples/collector/store/clickhouse/spool/delivery.h"

#include <algorithm>

#include "samples/collector/log_line.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"

namespace whydrop::collector::clickhouse {
namespace {

// A node that restarts is back sooner.
constexpr std::chrono::seconds kDeadAfter{5};

// A row of `work` begins with its day and the moment when it is due.
std::string DueAt(const std::string& row, uint64_t due_us) {
  RowWriter head;
  head.Day(static_cast<int64_t>(due_us / kSecondUs)).U64(due_us);
  const std::string bytes = head.Take();
  return bytes + row.substr(bytes.size());
}

}  // namespace

void Delivery::Send() {
  cluster_->Discover();
  if (ready_.empty()) return;
  if (cluster_->shards() == 0) throw Unreachable("no node has told its shard yet");
  for (; !ready_.empty(); ready_.pop_front()) {
    Segment& segment = ready_.front();
    try {
      SendSegment(&segment, Which::kFirst, 0);
    } catch (const SpoolError& error) {
      spool_->SetAside(segment, error);
      continue;
    }
    // Without replicas there is no second node to wait for.
    if (cluster_->settings().cluster.empty()) {
      spool_->Remove(segment);
    } else {
      held_.push_back({segment, Clock::now(), deaths_});
    }
  }
}

void Delivery::SendSegment(Segment* segment, Which which, int64_t now_s) {
  const size_t shards = cluster_->shards();
  const std::vector<SpooledBatch> batches = spool_->Load(segment);
  std::map<std::pair<Table, size_t>, std::string> blocks;
  for (const SpooledBatch& batch : batches) {
    for (const SpooledRow& row : batch.rows) {
      std::string& block = blocks[{row.table, row.key_hash % shards}];
      block += which == Which::kAgain && row.table == Table::kWork ? DueAt(row.bytes, stamps_->Next(now_s)) : row.bytes;
    }
  }
  const QuerySettings extra = which == Which::kAgain ? QuerySettings{{"insert_deduplicate", "0"}} : QuerySettings{};
  // In this order: who finds work finds its rows.
  for (const Table table : kSpooledTables) {
    for (const auto& [place, rows] : blocks) {
      if (place.first != table) continue;
      cluster_->Insert(place.second, TableName(table), rows, extra);
      metrics_->Add(Counter::kBlocks);
    }
  }
}

void Delivery::CountDeaths() {
  const auto now = Clock::now();
  lags_.clear();
  for (size_t shard = 0; shard < cluster_->shards(); ++shard) {
    for (Node* node : cluster_->Replicas(shard)) {
      const Lag lag = cluster_->LagOf(node);
      lags_[node] = lag;
      if (lag.reached || node->reached()) {
        down_.erase(node);
        continue;
      }
      Down& down = down_.emplace(node, Down{now, false}).first->second;
      if (down.counted || now - down.since < kDeadAfter) continue;
      down.counted = true;
      ++deaths_;
      LogWarning("node_down", node->url() + " does not answer; what it may have had alone is sent again");
    }
  }
}

bool Delivery::IsCopied(const Held& held) {
  const auto waited = Clock::now() - held.sent;
  for (size_t shard = 0; shard < cluster_->shards(); ++shard) {
    const std::vector<Node*> nodes = cluster_->Replicas(shard);
    size_t copies = 0;
    for (Node* node : nodes) {
      const Lag& lag = lags_[node];
      copies += lag.reached && (lag.behind_s == 0 || std::chrono::seconds(lag.behind_s) < waited);
    }
    if (copies < std::min<size_t>(nodes.size(), 2)) return false;
  }
  return true;
}

void Delivery::Confirm(int64_t now_s) {
  if (held_.empty()) return;
  CountDeaths();
  for (Held& held : held_) {
    if (held.deaths == deaths_) continue;
    try {
      SendSegment(&held.segment, Which::kAgain, now_s);
    } catch (const SpoolError& error) {
      LogWarning("spool", error.what());
      continue;
    }
    held.sent = Clock::now();
    held.deaths = deaths_;
    metrics_->Add(Counter::kBlocksAgain);
  }
  while (!held_.empty() && (IsCopied(held_.front()) || spool_->bytes() > spool_->max_bytes() / 2)) {
    spool_->Remove(held_.front().segment);
    held_.pop_front();
  }
}

int64_t Delivery::OldestHeldS() const {
  int64_t oldest = INT64_MAX;
  for (const Segment& segment : ready_) oldest = std::min(oldest, segment.received_s);
  for (const Held& held : held_) oldest = std::min(oldest, held.segment.received_s);
  return oldest;
}

}  // namespace whydrop::collector::clickhouse
