#include "samples/collector/http/rate_limit.h"

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
  const std::lock_guard<std::mutex> lock(mutex_);
  if (buckets_.size() > kMaxSenders) buckets_.clear();
  const size_t id = std::hash<std::string>()(std::to_string(salt_) + sender);
  return buckets_.try_emplace(id, per_second_, now_ms).first->second.Take(per_second_, now_ms);
}

}  // namespace whydrop::collector
