#include "core/crc32c.h"

#include "core/crc32c_portable.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <nmmintrin.h>

#include <atomic>
#include <cstring>
#define WHYDROP_CRC32C_SSE42 1
#endif

namespace whydrop {

#if WHYDROP_CRC32C_SSE42

namespace {

__attribute__((target("sse4.2"))) uint32_t Hardware(uint32_t crc, const uint8_t* bytes, size_t size) {
  uint64_t wide = ~crc;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; size > 0; --size, ++bytes) crc = _mm_crc32_u8(crc, *bytes);
  return ~crc;
}

// Asked once: the compiler's own answer, __builtin_cpu_supports, links 4 kB of tables of every processor.
bool HasHardware() {
  enum : int { kUnknown, kNo, kYes };
  static std::atomic<int> known{kUnknown};
  int answer = known.load(std::memory_order_relaxed);
  if (answer == kUnknown) {
    unsigned a, b, c = 0, d;
    answer = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0 ? kYes : kNo;
    known.store(answer, std::memory_order_relaxed);
  }
  return answer == kYes;
}

}  // namespace

uint32_t Crc32c(uint32_t crc, const void* data, size_t size) {
  // A processor that lacks the instruction is from before 2008 and gets by with the smallest table.
  return HasHardware() ? Hardware(crc, static_cast<const uint8_t*>(data), size) : PortableCrc32c<1>(crc, data, size);
}

#else

uint32_t Crc32c(uint32_t crc, const void* data, size_t size) { return PortableCrc32c<8>(crc, data, size); }

#endif

}  // namespace whydrop
