#include "samples/collector/store/clickhouse/spool/writer.h"

#include <utility>

#include "samples/collector/log_line.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr size_t kMaxBatchesAtOnce = 500;
constexpr uint64_t kMaxSegmentBytes = uint64_t{64} << 20;  // a segment is sent from memory

}  // namespace

SpoolWriter::SpoolWriter(const Settings& settings, Spool* spool, uint32_t owner, Stamps* stamps, Metrics* metrics,
                         GiveFn give)
    : settings_(settings), spool_(spool), metrics_(metrics), give_(std::move(give)), encoder_(owner, stamps, metrics) {}

SpoolWriter::~SpoolWriter() { Stop(); }

void SpoolWriter::Start() {
  thread_ = std::thread([this] { Loop(); });
}

bool SpoolWriter::Submit(Batch batch, Store::Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || !waiting_.Add(std::move(batch), std::move(done))) return false;
  ++submitted_;
  wakes_.notify_one();
  return true;
}

void SpoolWriter::Learn(std::vector<Label> labels) {
  const std::lock_guard<std::mutex> lock(mutex_);
  learned_ = std::move(labels);
}

bool SpoolWriter::CloseAll(Clock::time_point until) {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t mine = wanted_ = submitted_;
  wakes_.notify_one();
  return gave_.wait_until(lock, until, [&] { return given_ >= mine || stopping_; }) && given_ >= mine;
}

void SpoolWriter::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wakes_.notify_one();
    gave_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::string SpoolWriter::trouble() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return trouble_;
}

int64_t SpoolWriter::OldestS() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return oldest_s_;
}

bool SpoolWriter::IsFull() const {
  return spool_->open().rows >= settings_.block_rows || spool_->open().bytes >= kMaxSegmentBytes;
}

// With mutex_ held.
bool SpoolWriter::WantsToClose() const {
  if (spool_->open().rows == 0) return false;
  const bool wished = given_ < wanted_ && written_ >= wanted_;
  return wished || IsFull() || (stopping_ && waiting_.empty()) ||
         Clock::now() - opened_ >= std::chrono::milliseconds(settings_.block_ms);
}

void SpoolWriter::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    const auto until = spool_->open().rows != 0 ? opened_ + std::chrono::milliseconds(settings_.block_ms)
                                                : Clock::now() + std::chrono::hours(1);
    wakes_.wait_until(lock, until, [this] { return stopping_ || !waiting_.empty() || WantsToClose(); });
    const std::vector<Label> learned = std::exchange(learned_, {});
    std::vector<PendingBatch> group;
    waiting_.MoveTo(&group, kMaxBatchesAtOnce);
    lock.unlock();
    encoder_.Learn(learned);
    if (!group.empty()) Write(&group);
    lock.lock();
    waiting_.Release(group);
    written_ += group.size();
    if (WantsToClose()) {
      const ClosedFor why = IsFull() ? ClosedFor::kItsSize : ClosedFor::kItsTime;
      lock.unlock();
      give_(spool_->Close(), why);
      lock.lock();
      // After it was given away: who looks between the two finds it twice and not never.
      oldest_s_ = INT64_MAX;
    }
    if (spool_->open().rows == 0) given_ = written_;
    gave_.notify_all();
    if (stopping_ && waiting_.empty() && spool_->open().rows == 0) return;
  }
}

void SpoolWriter::Write(std::vector<PendingBatch>* group) {
  std::vector<SpooledBatch> batches;
  for (PendingBatch& pending : *group) {
    SpooledBatch batch;
    pending.verdict = encoder_.Encode(&pending.batch, &batch);
    if (pending.verdict == StoreVerdict::kAccepted) batches.push_back(std::move(batch));
  }
  std::string trouble;
  try {
    if (!batches.empty()) {
      if (spool_->open().rows == 0) opened_ = Clock::now();
      spool_->Append(batches);
      metrics_->Add(Counter::kCommits);
    }
  } catch (const StoreError& error) {
    trouble = error.what();
    LogWarning("store", trouble);
    encoder_.Forget();
    // A duplicate may be one of a batch of this very group.
    for (PendingBatch& pending : *group) pending.verdict = StoreVerdict::kUnavailable;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (spool_->open().rows != 0) oldest_s_ = spool_->open().oldest_s;
    trouble_ = trouble;
  }
  for (const PendingBatch& pending : *group) pending.done(pending.verdict);
}

}  // namespace whydrop::collector::clickhouse
