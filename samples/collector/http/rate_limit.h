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

namespace whydrop::collector {

class RateLimit {
 public:
  explicit RateLimit(uint32_t per_second);  // 0: none

  bool Take(const std::string& sender, uint64_t now_ms);

 private:
  struct Bucket {
    uint64_t tokens_milli = 0;
    uint64_t filled_ms = 0;
  };

  const uint64_t per_second_;
  const size_t salt_;
  std::mutex mutex_;
  std::unordered_map<size_t, Bucket> buckets_;  // guarded by mutex_
};

}  // namespace whydrop::collector

#endif
