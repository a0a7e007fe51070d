// Inflates one gzip member under a bound, so that a small upload cannot become a large allocation.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_INFLATE_H
#define WHYDROP_COLLECTOR_INFLATE_H

#include <cstddef>
#include <string>
#include <string_view>

namespace whydrop::collector {

inline constexpr size_t kMaxInflatedBytes = 1024 * 1024;

enum class InflateResult {
  kOk,
  kCorrupt,   // no gzip, a broken checksum, or cut short
  kTrailing,  // bytes behind the member, a second member among them
  kTooLarge,  // more than `limit` bytes
};

// Writes the content to `out` only on success.
InflateResult InflateGzip(std::string_view body, size_t limit, std::string* out);

}  // namespace whydrop::collector

#endif
