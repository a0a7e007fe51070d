#include "samples/collector/store/clickhouse/store.h"

#include <algorithm>

#include "samples/collector/log_line.h"
#include "samples/collector/store/clickhouse/answers/connections.h"
#include "samples/collector/store/clickhouse/answers/counts.h"
#include "samples/collector/store/clickhouse/answers/sessions.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr size_t kMaxBatchesAtOnce = 500;
constexpr std::chrono::milliseconds kRoundEvery{500};
constexpr std::chrono::milliseconds kNextTry{20};
constexpr std::chrono::seconds kReviewEvery{2};
constexpr std::chrono::seconds kRefreshEvery{30};
constexpr std::chrono::minutes kPurgeEvery{10};
constexpr std::chrono::seconds kTakeOverEvery{5};
constexpr std::chrono::seconds kSettleWait{120};
constexpr std::chrono::seconds kStopWait{20};
constexpr int64_t kSweepAgainS = 120;        // work that another collector brings late
constexpr int64_t kFirstSweepS = 3 * 86400;  // work that collectors which are gone left
constexpr int kPassesAtOnce = 100;
constexpr uint64_t kMaxSegmentBytes = uint64_t{64} << 20;  // a segment is sent from memory

}  // namespace

ClickHouseStore::ClickHouseStore(const std::string& url, ClockFn now, const StoreSettings& settings, Metrics* metrics)
    : now_(std::move(now)),
      store_settings_(settings),
      metrics_(metrics),
      settings_(ParseUrl(url)),
      cluster_(settings_),
      judge_(&cluster_, &stamps_, settings.join_window_s, metrics),
      servers_(&cluster_, &stamps_, judge_.owner(), now_()),
      rollup_(&cluster_, settings.keep_days) {
  Open();
  if (settings.access == StoreAccess::kRead) return;
  std::vector<Segment> found;
  spool_ = std::make_unique<Spool>(settings_.spool, uint64_t{settings_.spool_mb} << 20, metrics, &found);
  delivery_ = std::make_unique<Delivery>(&cluster_, spool_.get(), &stamps_, metrics);
  encoder_ = std::make_unique<Encoder>(judge_.owner(), &stamps_, metrics);
  for (Segment& segment : found) delivery_->Add(std::move(segment));
  swept_until_us_ = static_cast<uint64_t>(std::max<int64_t>(now_() - kFirstSweepS, 0)) * kSecondUs;
  writer_ = std::thread([this] { WriteLoop(); });
  worker_ = std::thread([this] { WorkLoop(); });
}

ClickHouseStore::~ClickHouseStore() { Stop(); }

// Tables that do not fit keep it from starting; an engine that is away, or a part of it, does not.
void ClickHouseStore::Open() {
  const bool reads_only = store_settings_.access == StoreAccess::kRead;
  try {
    PrepareTables();
  } catch (const Unreachable& error) {
    if (reads_only) throw;
    LogWarning("engine", error.what());
    return;
  }
  try {
    health_.newest_report_s = ReadNewestReport(Question(&cluster_));
    learned_ = ReadAllLabels(Question(&cluster_), "");
    judge_.Learn(learned_);
  } catch (const StoreError& error) {
    if (reads_only) throw;
    LogWarning("engine", error.what());
  }
}

void ClickHouseStore::PrepareTables() {
  if (settings_.create && store_settings_.access == StoreAccess::kServe) {
    try {
      cluster_.MakeTables();
    } catch (const Unreachable& error) {
      // A node that is away has its tables, or gets them from the next collector that starts.
      LogWarning("engine", error.what());
    }
  }
  cluster_.CheckTables();
  tables_fit_ = true;
}

bool ClickHouseStore::Submit(Batch batch, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || spool_ == nullptr || !waiting_.Add(std::move(batch), std::move(done))) return false;
  writer_wakes_.notify_one();
  return true;
}

void ClickHouseStore::Stop() {
  gives_up_ = true;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    writer_wakes_.notify_one();
    worker_wakes_.notify_one();
  }
  if (writer_.joinable()) writer_.join();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    written_ = true;
    worker_wakes_.notify_one();
  }
  if (worker_.joinable()) worker_.join();
}

bool ClickHouseStore::WantsToClose() {
  if (settle_closed_ != settle_wanted_) return true;
  if (!has_open_) return false;
  return stopping_ || IsFull(spool_->open()) || Clock::now() - opened_ >= std::chrono::milliseconds(settings_.block_ms);
}

bool ClickHouseStore::IsFull(const Segment& segment) const {
  return segment.rows >= settings_.block_rows || segment.bytes >= kMaxSegmentBytes;
}

void ClickHouseStore::WriteLoop() {
  for (;;) {
    std::vector<PendingBatch> group;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      const auto until =
          has_open_ ? opened_ + std::chrono::milliseconds(settings_.block_ms) : Clock::now() + std::chrono::hours(1);
      writer_wakes_.wait_until(lock, until, [this] { return stopping_ || !waiting_.empty() || WantsToClose(); });
      encoder_->Learn(learned_);
      learned_.clear();
      waiting_.MoveTo(&group, kMaxBatchesAtOnce);
    }
    if (!group.empty()) Write(&group);

    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.Release(group);
    if (!has_open_ && spool_->open().rows != 0) {
      has_open_ = true;
      opened_ = Clock::now();
    }
    // What waits was submitted before a wish to settle, perhaps; it goes into the same block.
    if (WantsToClose() && (waiting_.empty() || IsFull(spool_->open()))) {
      settle_closed_ = settle_wanted_;
      if (has_open_) closed_.push_back(spool_->Close());
      has_open_ = false;
      worker_wakes_.notify_one();
    }
    if (stopping_ && waiting_.empty() && !has_open_) return;
  }
}

void ClickHouseStore::Write(std::vector<PendingBatch>* group) {
  std::vector<SpooledBatch> batches;
  for (PendingBatch& pending : *group) {
    SpooledBatch batch;
    pending.verdict = encoder_->Encode(&pending.batch, &batch);
    if (pending.verdict == StoreVerdict::kAccepted) batches.push_back(std::move(batch));
  }
  try {
    if (!batches.empty()) {
      spool_->Append(batches);
      metrics_->Add(Counter::kCommits);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    health_.ready = true;
    health_.why_not.clear();
  } catch (const StoreError& error) {
    LogWarning("store", error.what());
    encoder_->Forget();
    // A duplicate may be one of a batch of this very group.
    for (PendingBatch& pending : *group) pending.verdict = StoreVerdict::kUnavailable;
    const std::lock_guard<std::mutex> lock(mutex_);
    health_.ready = false;
    health_.why_not = error.what();
  }
  for (const PendingBatch& pending : *group) pending.done(pending.verdict);
}

void ClickHouseStore::WorkLoop() {
  const auto never = Clock::time_point::max();
  Clock::time_point give_up = never;
  bool again = false;
  for (;;) {
    uint64_t settling = 0;
    Haste haste = Haste::kNone;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      const auto wakes = [this] {
        return written_ || !closed_.empty() || (settle_closed_ == settle_wanted_ && settle_done_ != settle_wanted_);
      };
      worker_wakes_.wait_for(lock, again ? kNextTry : kRoundEvery, [&] { return !again && wakes(); });
      settling = settle_closed_;
      if (settling != settle_done_ && settle_closed_ == settle_wanted_) haste = Haste::kSettle;
      for (Segment& segment : closed_) delivery_->Add(std::move(segment));
      closed_.clear();
      if (written_ && give_up == never) give_up = Clock::now() + kStopWait;
    }
    bool clean = false;
    std::string trouble;
    const int64_t now_s = now_();
    try {
      clean = Work(haste, now_s);
    } catch (const StoreError& error) {
      trouble = error.what();
      LogWarning("engine", trouble);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    trouble_ = trouble;
    again = haste == Haste::kSettle && !clean;
    if (clean) {
      const int64_t block_s = settings_.block_ms / 1000 + 1;
      const int64_t until_s = haste == Haste::kSettle ? now_s : now_s - block_s - answers_behind_s_;
      health_.complete_until_s = std::max(health_.complete_until_s, until_s);
      if (haste == Haste::kSettle) settle_done_ = settling;
      settled_.notify_all();
    }
    // What the engine does not take now stays in the spool. The writer may have closed its last segment meanwhile.
    if (written_ && ((closed_.empty() && delivery_->empty()) || Clock::now() > give_up)) return;
  }
}

// True if everything that was closed before is in the answers.
bool ClickHouseStore::Work(Haste haste, int64_t now_s) {
  if (!tables_fit_) PrepareTables();
  TakeOver();
  if (!delivery_->empty()) sent_ = Clock::now();
  delivery_->Send();
  bool clean = false;
  for (;;) {
    clean = JudgeAll(haste, now_s);
    const bool review = haste == Haste::kSettle || Clock::now() - reviewed_ >= kReviewEvery;
    if (!clean || !review) break;
    reviewed_ = Clock::now();
    if (!servers_.Review(now_s)) break;
  }
  if (clean) delivery_->Confirm(now_s);
  // What servers told of themselves is part of the answers once it was looked at.
  clean &= reviewed_ >= sent_;
  for (size_t shard = 0; shard < cluster_.shards(); ++shard) {
    clean &= rollup_.Pass(shard, haste == Haste::kSettle ? Rollup::Wait::kNo : Rollup::Wait::kYes);
  }
  if (haste == Haste::kSettle || Clock::now() - refreshed_ >= kRefreshEvery) {
    refreshed_ = Clock::now();
    const int64_t newest_s = ReadNewestReport(Question(&cluster_));
    std::vector<Label> labels = ReadAllLabels(Question(&cluster_), "");
    judge_.Learn(labels);
    const std::lock_guard<std::mutex> lock(mutex_);
    health_.newest_report_s = newest_s;
    learned_ = std::move(labels);
  }
  if (Clock::now() - purged_ >= kPurgeEvery) {
    purged_ = Clock::now();
    for (size_t shard = 0; shard < cluster_.shards(); ++shard) rollup_.Purge(shard, now_s);
  }
  answers_behind_s_ = cluster_.AnswersBehindS();
  if (haste == Haste::kSettle) clean &= answers_behind_s_ == 0;
  return clean && delivery_->empty() && cluster_.shards() != 0;
}

// What lies in the spool of a collector that is gone is brought in by whoever has the engine and nothing of its own to
// send: where the engine is away it would only fill this one's spool.
void ClickHouseStore::TakeOver() {
  if (!delivery_->empty() || !cluster_.EachShardIsReached() || Clock::now() - searched_ < kTakeOverEvery) return;
  searched_ = Clock::now();
  std::vector<Segment> left;
  try {
    spool_->TakeOver(spool_->max_bytes() / 4, &left);
  } catch (const StoreError& error) {
    LogWarning("spool", error.what());
  }
  for (Segment& segment : left) {
    // Its work became due before what was looked at last.
    const int64_t due_s = std::max<int64_t>(segment.received_s - kSweepAgainS, 0);
    swept_until_us_ = std::min(swept_until_us_, static_cast<uint64_t>(due_s) * kSecondUs);
    delivery_->Add(std::move(segment));
  }
}

bool ClickHouseStore::JudgeAll(Haste haste, int64_t now_s) {
  const int64_t held_s = delivery_->OldestHeldS();
  uint64_t from_us = swept_until_us_;
  if (held_s != INT64_MAX)
    from_us = std::min(from_us, static_cast<uint64_t>(std::max<int64_t>(held_s - 1, 0)) * kSecondUs);
  if (haste == Haste::kSettle) from_us = 0;
  bool clean = true;
  for (size_t shard = 0; shard < cluster_.shards(); ++shard) {
    Judge::Result result = Judge::Result::kMore;
    for (int pass = 0; pass < kPassesAtOnce && result == Judge::Result::kMore; ++pass) {
      result = judge_.Pass(shard, from_us, now_s, haste == Haste::kSettle ? WhoseWork::kAll : WhoseWork::kOwn);
    }
    clean &= result == Judge::Result::kClean;
  }
  if (clean) {
    const auto again_us = static_cast<uint64_t>(std::max<int64_t>(now_s - kSweepAgainS, 0)) * kSecondUs;
    swept_until_us_ = std::max(swept_until_us_, again_us);
  }
  return clean;
}

StoreHealth ClickHouseStore::Health() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return health_;
}

void ClickHouseStore::Settle() {
  if (spool_ == nullptr) return;
  std::unique_lock<std::mutex> lock(mutex_);
  if (stopping_) throw StoreError("the store was stopped");
  const uint64_t wish = ++settle_wanted_;
  writer_wakes_.notify_one();
  if (!settled_.wait_for(lock, kSettleWait, [&] { return settle_done_ >= wish; })) {
    throw StoreError("the answers do not know yet all that was acknowledged: " + trouble_);
  }
}

void ClickHouseStore::Backup(const std::string&) {
  throw StoreError("a backup of ClickHouse is the engine's own task; CLUSTER.md says how");
}

Question ClickHouseStore::Ask() {
  return Question(&cluster_, std::chrono::seconds(store_settings_.question_limit_s), &gives_up_);
}

Attribution ClickHouseStore::QueryAttribution(const AttributionQuery& query) {
  return ReadAttribution(Ask(), query, now_());
}

std::vector<ConnectionView> ClickHouseStore::FindConnections(const std::string& app_id, const std::string& token_hash) {
  return ReadConnections(Ask(), app_id, token_hash, {now_(), store_settings_.join_window_s});
}

std::vector<ConnectionView> ClickHouseStore::FindConnectionsOfSession(const std::string& app_id,
                                                                      const std::string& session_id, uint32_t limit) {
  return ReadConnectionsOfSession(Ask(), app_id, session_id, limit, {now_(), store_settings_.join_window_s});
}

std::vector<ConnectionRow> ClickHouseStore::RecentConnections(const ConnectionQuery& query, uint32_t limit) {
  return ReadRecentConnections(Ask(), query, limit, now_());
}

void ClickHouseStore::VisitConnections(const ConnectionQuery& query,
                                       const std::function<bool(const ConnectionRow&)>& visit) {
  VisitConnectionRows(Ask(), query, now_(), visit);
}

std::vector<Finding> ClickHouseStore::QueryFindings(const ConnectionFilter& filter) {
  return ReadFindings(Ask(), filter);
}

std::vector<SessionView> ClickHouseStore::FindSessions(std::optional<int32_t> end, const std::string& app_id,
                                                       uint32_t limit) {
  return ReadSessions(Ask(), end, app_id, limit);
}

std::vector<SessionEndGroup> ClickHouseStore::QuerySessionEnds(const SessionFilter& filter) {
  return ReadSessionEnds(Ask(), filter);
}

Crashes ClickHouseStore::QueryCrashes(const SessionFilter& filter, uint32_t limit) {
  return ReadCrashes(Ask(), filter, limit);
}

bool ClickHouseStore::HasSession(const std::string& app_id, const std::string& session_id) {
  return ReadHasSession(Ask(), app_id, session_id);
}

std::vector<std::string> ClickHouseStore::ListApps() {
  std::vector<std::string> apps;
  for (const Label& label : ReadAllLabels(Ask(), "")) {
    if (label.app_id.empty() && label.dimension == "app") apps.push_back(label.value);
  }
  return apps;
}

std::vector<Label> ClickHouseStore::ListLabels(const std::string& app_id) {
  std::vector<Label> labels = ReadAllLabels(Ask(), app_id);
  labels.erase(std::remove_if(labels.begin(), labels.end(), [](const Label& label) { return !IsToChooseFrom(label); }),
               labels.end());
  return labels;
}

}  // namespace whydrop::collector::clickhouse
