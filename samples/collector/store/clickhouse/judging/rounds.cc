#include "samples/collector/store/clickhouse/judging/rounds.h"

#include <algorithm>
#include <utility>

#include "samples/collector/log_line.h"
#include "samples/collector/store/clickhouse/answers/sessions.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr std::chrono::milliseconds kRoundEvery{500};
constexpr std::chrono::milliseconds kNextTry{20};
constexpr std::chrono::milliseconds kLookAtLoadEvery{100};
constexpr std::chrono::seconds kReviewEvery{2};
constexpr std::chrono::seconds kRefreshEvery{30};
constexpr std::chrono::minutes kPurgeEvery{10};
constexpr int64_t kBehindUnderLoadS = 30;  // at most

}  // namespace

Rounds::Rounds(Cluster* cluster, TableCheck* tables, Judge* judge, Stamps* stamps, SentSegments* sent, Before before,
               const StoreSettings& settings, ClockFn now, int64_t newest_report_s, LearnFn learned)
    : cluster_(cluster),
      tables_(tables),
      judge_(judge),
      stamps_(stamps),
      sent_segments_(sent),
      before_(std::move(before)),
      now_(std::move(now)),
      learned_(std::move(learned)),
      servers_(cluster, stamps, judge->owner(), now_()),
      rollup_(cluster, settings.keep_days) {
  state_.newest_report_s = newest_report_s;
}

Rounds::~Rounds() { Stop(Clock::now()); }

void Rounds::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Rounds::Wake() {
  const std::lock_guard<std::mutex> lock(mutex_);
  woken_ = true;
  wakes_.notify_one();
}

bool Rounds::Settle(Clock::time_point until) {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t wish = ++settle_wanted_;
  wakes_.notify_one();
  return settled_.wait_until(lock, until, [&] { return settle_done_ >= wish || stopping_; }) && settle_done_ >= wish;
}

Rounds::State Rounds::state() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

void Rounds::Stop(Clock::time_point until) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!stopping_) give_up_ = until;
    stopping_ = true;
    wakes_.notify_one();
    settled_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Rounds::Loop() {
  bool again = false;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    const auto wakes = [this] { return stopping_ || woken_ || settle_done_ != settle_wanted_; };
    wakes_.wait_for(lock, again ? kNextTry : kRoundEvery, [&] { return !again && wakes(); });
    const bool is_last = stopping_;
    if (is_last && Clock::now() > give_up_) return;
    const uint64_t settling = settle_wanted_;
    const Haste haste = settling != settle_done_ ? Haste::kSettle : Haste::kNone;
    woken_ = false;
    lock.unlock();
    // Looked at first: what is sent meanwhile is found twice and not never.
    const int64_t now_s = now_();
    const int64_t not_sent_s = before_.oldest_s();
    bool clean = false;
    std::string trouble;
    try {
      clean = Round(haste, now_s);
    } catch (const StoreError& error) {
      trouble = error.what();
      LogWarning("engine", trouble);
    }
    lock.lock();
    state_.trouble = trouble;
    again = haste == Haste::kSettle && !clean;
    if (clean) {
      const int64_t until_s = std::min(haste == Haste::kSettle ? now_s : now_s - 1, not_sent_s - 1) - answers_behind_s_;
      state_.complete_until_s = std::max(state_.complete_until_s, until_s);
      if (haste == Haste::kSettle) settle_done_ = settling;
      settled_.notify_all();
    }
    if (is_last) return;
  }
}

// True if everything that was sent before is in the answers.
bool Rounds::Round(Haste haste, int64_t now_s) {
  cluster_->Discover();
  tables_->Pass();
  const uint64_t sent = sent_segments_->count();
  bool clean = false;
  for (;;) {
    clean = judge_->Round(std::max(now_s, stamps_->LastS()), sent_segments_->OldestS(),
                          haste == Haste::kSettle ? WhoseWork::kAll : WhoseWork::kOwn, [this] { return MayGoOn(); });
    const bool review = haste == Haste::kSettle || Clock::now() - reviewed_ >= kReviewEvery;
    if (!clean || !review) break;
    reviewed_ = Clock::now();
    reviewed_count_ = sent;
    if (!servers_.Review(now_s)) break;
  }
  if (clean) sent_segments_->Judged(sent);
  sent_segments_->LookAfter(now_s, [this] { return IsOver(); });
  // What servers told of themselves is part of the answers once it was looked at.
  clean &= reviewed_count_ >= sent;
  for (size_t shard = 0; shard < cluster_->shards(); ++shard) {
    clean &= rollup_.Pass(shard, haste == Haste::kSettle ? Rollup::Wait::kNo : Rollup::Wait::kYes, now_s);
  }
  if (haste == Haste::kSettle || Clock::now() - refreshed_ >= kRefreshEvery) Refresh();
  if (Clock::now() - purged_ >= kPurgeEvery) {
    purged_ = Clock::now();
    for (size_t shard = 0; shard < cluster_->shards(); ++shard) rollup_.Purge(shard, now_s);
  }
  answers_behind_s_ = cluster_->AnswersBehindS();
  if (haste == Haste::kSettle) clean &= answers_behind_s_ == 0;
  return clean && cluster_->shards() != 0;
}

// It is to stop, and it is late.
bool Rounds::IsOver() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopping_ && Clock::now() >= give_up_;
}

// False: it is over. Waits under load.
bool Rounds::MayGoOn() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_ && settle_done_ == settle_wanted_ && before_.is_under_load() &&
         now_() - sent_segments_->OldestS() < kBehindUnderLoadS) {
    wakes_.wait_for(lock, kLookAtLoadEvery);
  }
  return !stopping_ || Clock::now() < give_up_;
}

void Rounds::Refresh() {
  refreshed_ = Clock::now();
  const int64_t newest_s = ReadNewestReport(Question(cluster_));
  std::vector<Label> labels = ReadAllLabels(Question(cluster_), "");
  judge_->Learn(labels);
  learned_(std::move(labels));
  const std::lock_guard<std::mutex> lock(mutex_);
  state_.newest_report_s = newest_s;
}

}  // namespace whydrop::collector::clickhouse
