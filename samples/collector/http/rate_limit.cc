#include "samples/collector/http/rate_limit.h"

#include <algorithm>
#include <functional>
#include <random>

namespace whydrop::collector {
namespace {

// Beyond this many senders all buckets start afresh: a limit that forgets is better than a table that grows.
constexpr size_t kMaxSenders = 100000;

}  // namespace

RateLimit::RateLimit(uint32_t per_second) : per_second_(per_second), salt_(std::random_device()()) {}

bool RateLimit::Take(const std::string& sender, uint64_t now_ms) {
  if (per_second_ == 0) return true;
  const uint64_t full_milli = 2 * per_second_ * 1000;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (buckets_.size() > kMaxSenders) buckets_.clear();
  const size_t id = std::hash<std::string>()(std::to_string(salt_) + sender);
  const auto [found, added] = buckets_.try_emplace(id, Bucket{full_milli, now_ms});
  Bucket& bucket = found->second;
  // Threads read the clock before they wait for the lock, so a request may bring an earlier time than the last one did.
  now_ms = std::max(now_ms, bucket.filled_ms);
  // One a second is a thousandth a millisecond, so milli-tokens grow by per_second_ each millisecond.
  bucket.tokens_milli = std::min(full_milli, bucket.tokens_milli + (now_ms - bucket.filled_ms) * per_second_);
  bucket.filled_ms = now_ms;
  if (bucket.tokens_milli < 1000) return false;
  bucket.tokens_milli -= 1000;
  return true;
}

}  // namespace whydrop::collector
