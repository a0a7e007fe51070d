#include "samples/collector/store/clickhouse/spool/sent_segments.h"

#include <algorithm>

#include "samples/collector/log_line.h"

namespace whydrop::collector::clickhouse {
namespace {

// A node that restarts is back sooner.
constexpr std::chrono::seconds kDeadAfter{5};

}  // namespace

void SentSegments::Add(Segment segment, uint64_t deaths) {
  const std::lock_guard<std::mutex> lock(mutex_);
  kept_.push_back({std::move(segment), Clock::now(), deaths});
  // A round may take long: the spool must not fill up meanwhile with what the engine has.
  for (auto kept = kept_.begin(); kept != kept_.end() && IsHalfFull(); ++kept) RemoveFile(&*kept);
}

uint64_t SentSegments::deaths() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return deaths_;
}

uint64_t SentSegments::count() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return let_go_ + kept_.size();
}

int64_t SentSegments::OldestS() {
  const std::lock_guard<std::mutex> lock(mutex_);
  int64_t oldest = INT64_MAX;
  for (const Kept& kept : kept_) {
    if (!kept.judged) oldest = std::min(oldest, kept.segment.oldest_s);
  }
  return oldest;
}

void SentSegments::Judged(uint64_t count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < kept_.size() && let_go_ + i < count; ++i) kept_[i].judged = true;
}

// They stay where they are while others are added behind them.
std::vector<SentSegments::Kept*> SentSegments::All() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Kept*> all;
  for (Kept& kept : kept_) all.push_back(&kept);
  return all;
}

void SentSegments::LookAfter(int64_t now_s, const std::function<bool()>& is_over) {
  const std::vector<Kept*> all = All();
  if (all.empty()) return;
  if (HasReplicas()) {
    CountDeaths();
    for (Kept* kept : all) {
      if (is_over()) return;
      if (kept->deaths != deaths_) SendAgain(kept, now_s);
    }
  }
  for (Kept* kept : all) {
    const bool is_done = kept->judged && kept->deaths == deaths_ && (!HasReplicas() || IsCopied(kept->sent));
    const std::lock_guard<std::mutex> lock(mutex_);
    if (is_done || IsHalfFull()) RemoveFile(kept);
    if (kept->has_file) break;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  while (!kept_.empty() && kept_.front().judged && !kept_.front().has_file) {
    kept_.pop_front();
    ++let_go_;
  }
}

// With mutex_ held.
void SentSegments::RemoveFile(Kept* kept) {
  if (kept->has_file) spool_->Remove(kept->segment);
  kept->has_file = false;
}

void SentSegments::SendAgain(Kept* kept, int64_t now_s) {
  Segment segment;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!kept->has_file) return;
    segment = kept->segment;
  }
  try {
    delivery_->SendAgain(&segment, now_s);
  } catch (const SpoolError& error) {
    LogWarning("spool", error.what());
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  kept->segment = std::move(segment);
  kept->sent = Clock::now();
  kept->deaths = deaths_;
  kept->judged = false;
}

void SentSegments::CountDeaths() {
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
      LogWarning("node_down", node->url() + " does not answer; what it may have had alone is sent again");
      const std::lock_guard<std::mutex> lock(mutex_);
      ++deaths_;
    }
  }
}

bool SentSegments::IsCopied(Clock::time_point sent) {
  const auto waited = Clock::now() - sent;
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

}  // namespace whydrop::collector::clickhouse
