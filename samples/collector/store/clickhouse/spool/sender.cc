#include "samples/collector/store/clickhouse/spool/sender.h"

#include <algorithm>
#include <utility>

#include "samples/collector/log_line.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr std::chrono::milliseconds kTryAgainAfter{500};
constexpr std::chrono::seconds kTakeOverEvery{5};

}  // namespace

Sender::Sender(Cluster* cluster, TableCheck* tables, Spool* spool, Delivery* delivery, SentSegments* sent_segments,
               std::vector<Segment> found, std::function<void()> moved_on)
    : cluster_(cluster),
      tables_(tables),
      spool_(spool),
      delivery_(delivery),
      sent_segments_(sent_segments),
      moved_on_(std::move(moved_on)),
      taken_(found.size()) {
  for (Segment& segment : found) ready_.push_back({std::move(segment), 0});
}

Sender::~Sender() { Stop(Clock::now()); }

void Sender::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Sender::Take(Segment segment, ClosedFor why) {
  const uint64_t deaths = sent_segments_->deaths();
  const std::lock_guard<std::mutex> lock(mutex_);
  ready_.push_back({std::move(segment), deaths});
  ++taken_;
  if (why == ClosedFor::kItsSize) filled_ = Clock::now();
  wakes_.notify_one();
}

bool Sender::WaitUntilSent(Clock::time_point until) {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t mine = taken_;
  return emptied_.wait_until(lock, until, [&] { return gone_ >= mine || stopping_; }) && gone_ >= mine;
}

bool Sender::IsUnderLoad() {
  const auto block_time = std::chrono::milliseconds(cluster_->settings().block_ms);
  const std::lock_guard<std::mutex> lock(mutex_);
  return filled_ != Clock::time_point() && Clock::now() - filled_ < block_time;
}

int64_t Sender::OldestS() {
  const std::lock_guard<std::mutex> lock(mutex_);
  int64_t oldest = INT64_MAX;
  for (const Ready& ready : ready_) oldest = std::min(oldest, ready.segment.oldest_s);
  return oldest;
}

std::string Sender::trouble() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return trouble_;
}

void Sender::Stop(Clock::time_point until) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!stopping_) give_up_ = until;
    stopping_ = true;
    wakes_.notify_one();
    emptied_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  next_ = {};  // waits for it: it looks at the queue
}

void Sender::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    const bool has_failed = !trouble_.empty();
    wakes_.wait_for(lock, kTryAgainAfter, [&] { return !has_failed && (stopping_ || !ready_.empty()); });
    if (stopping_ && (ready_.empty() || Clock::now() > give_up_)) return;
    const bool has_one = !ready_.empty();
    lock.unlock();
    std::string trouble;
    try {
      cluster_->Discover();
      tables_->Pass();
      if (has_one) SendFirst();
      if (HasTime()) TakeOver();
    } catch (const StoreError& error) {
      trouble = error.what();
      LogWarning("engine", trouble);
    }
    lock.lock();
    trouble_ = trouble;
  }
}

void Sender::SendFirst() {
  Ready* first = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    first = &ready_.front();  // it stays there while others are added behind it
  }
  try {
    Prepare(first);
    delivery_->Insert(blocks_);
    // Before it leaves the queue: who looks between the two finds it twice and not never.
    sent_segments_->Add(first->segment, first->deaths);
  } catch (const SpoolError& error) {
    // It holds up no other.
    spool_->SetAside(first->segment, error);
  }
  blocks_ = {};
  blocks_of_ = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ready_.pop_front();
    ++gone_;
    emptied_.notify_all();
  }
  moved_on_();
}

// What it brings, kept for as long as the engine does not take it; and begins with the one behind it.
void Sender::Prepare(Ready* first) {
  if (blocks_of_ == first) return;
  const bool was_next = std::exchange(next_of_, nullptr) == first;
  blocks_ = was_next ? next_.get() : delivery_->Prepare(&first->segment);
  blocks_of_ = first;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ready_.size() < 2) return;
  next_of_ = &ready_[1];
  // By this thread, when it is asked for, where the system has no other.
  next_ = std::async(std::launch::async | std::launch::deferred,
                     [this, segment = &ready_[1].segment] { return delivery_->Prepare(segment); });
}

bool Sender::HasTime() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ready_.empty() && !stopping_;
}

// What lies in the spool of a collector that is gone is brought in by whoever has the engine and nothing of its own to
// send: where the engine is away it would only fill this one's spool.
void Sender::TakeOver() {
  if (!cluster_->EachShardIsReached() || Clock::now() - searched_ < kTakeOverEvery) return;
  searched_ = Clock::now();
  std::vector<Segment> left;
  try {
    spool_->TakeOver(spool_->max_bytes() / 4, &left);
  } catch (const StoreError& error) {
    LogWarning("spool", error.what());
  }
  const uint64_t deaths = sent_segments_->deaths();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Segment& segment : left) ready_.push_back({std::move(segment), deaths});
  taken_ += left.size();
}

}  // namespace whydrop::collector::clickhouse
