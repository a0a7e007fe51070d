// How many records have a token, as far as one collector remembers.
//
// Nearly every token is that of two or three records, and of each record it is asked. So tokens are told apart only
// where a small table that is looked at first says that one of those which share a place in it was there often.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_TOKEN_USE_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_TOKEN_USE_H

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "samples/collector/store/sender_limits.h"

namespace whydrop::collector::clickhouse {

class TokenUse {
 public:
  // One record more. True: its token, named by a hash of app and token, has more than one may have.
  bool IsTooMuch(uint64_t token) {
    if (++records_ > kRecordsRemembered) Forget();
    uint8_t& seen = seen_[token % seen_.size()];
    if (seen < kFew) return ++seen, false;
    // As if all that were there were its own: no honest token comes near the limit even so.
    return ++often_.emplace(token, seen).first->second > kMaxTokenShared;
  }

 private:
  static constexpr uint64_t kRecordsRemembered = 1000000;
  static constexpr uint8_t kFew = 16;
  static_assert(kFew < kMaxTokenShared);

  void Forget() {
    records_ = 0;
    seen_.assign(seen_.size(), 0);
    often_.clear();
  }

  uint64_t records_ = 0;
  std::vector<uint8_t> seen_ = std::vector<uint8_t>(size_t{1} << 20);
  std::unordered_map<uint64_t, uint32_t> often_;
};

}  // namespace whydrop::collector::clickhouse

#endif
