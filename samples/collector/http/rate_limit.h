// Limits requests for each sender by a token bucket of twice its rate. A sender is known only by a salted hash, in
// memory: no address is kept.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_RATE_LIMIT_H
#define WHYDROP_COLLECTOR_RATE_LIMIT_H

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "samples/collector/http/token_bucket.h"

namespace whydrop::collector {

class RateLimit {
 public:
  explicit RateLimit(uint32_t per_second);  // 0: none

  bool Take(const std::string& sender, uint64_t now_ms);

 private:
  const uint64_t per_second_;
  const size_t salt_;
  std::mutex mutex_;
  std::unordered_map<size_t, TokenBucket> buckets_;  // guarded by mutex_
};

}  // namespace whydrop::collector

#endif
