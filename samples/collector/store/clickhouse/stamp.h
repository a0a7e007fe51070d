// Moments that a collector gives to what it makes: microseconds since 1970 by the store's clock, none twice.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_STAMP_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_STAMP_H

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace whydrop::collector::clickhouse {

inline constexpr uint64_t kSecondUs = 1000000;

class Stamps {
 public:
  uint64_t Next(int64_t now_s) {
    const uint64_t wanted = static_cast<uint64_t>(now_s) * kSecondUs;
    uint64_t last = last_.load();
    uint64_t next = std::max(last + 1, wanted);
    while (!last_.compare_exchange_weak(last, next)) next = std::max(last + 1, wanted);
    return next;
  }
  // Seconds of the newest. Later than the clock says after that was set back.
  int64_t LastS() const { return static_cast<int64_t>(last_.load() / kSecondUs); }

 private:
  std::atomic<uint64_t> last_{0};
};

}  // namespace whydrop::collector::clickhouse

#endif
