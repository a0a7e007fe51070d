// A token bucket of twice its rate: bursts of two seconds pass, the average does not go above the rate.
//
// Thread rule: a plain value, guarded by its owner.
#ifndef WHYDROP_COLLECTOR_TOKEN_BUCKET_H
#define WHYDROP_COLLECTOR_TOKEN_BUCKET_H

#include <algorithm>
#include <cstdint>

namespace whydrop::collector {

class TokenBucket {
 public:
  TokenBucket(uint64_t per_second, uint64_t now_ms) : tokens_milli_(2000 * per_second), filled_ms_(now_ms) {}

  bool Take(uint64_t per_second, uint64_t now_ms) {
    // Threads read the clock before they wait for the lock, so a request may bring an earlier time than the last one
    // did.
    now_ms = std::max(now_ms, filled_ms_);
    // One a second is a thousandth a millisecond, so milli-tokens grow by per_second each millisecond. After two
    // seconds the bucket is full, whatever the rate.
    const uint64_t grown_ms = std::min<uint64_t>(now_ms - filled_ms_, 2000);
    tokens_milli_ = std::min(2000 * per_second, tokens_milli_ + grown_ms * per_second);
    filled_ms_ = now_ms;
    if (tokens_milli_ < 1000) return false;
    tokens_milli_ -= 1000;
    return true;
  }

 private:
  uint64_t tokens_milli_;
  uint64_t filled_ms_;
};

}  // namespace whydrop::collector

#endif
