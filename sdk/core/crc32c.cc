#include "core/crc32c.h"

#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <nmmintrin.h>

#include <atomic>
#define WHYDROP_CRC32C_SSE42 1
#endif

namespace whydrop {
namespace {

struct Tables {
  uint32_t rows[8][256];
  constexpr Tables() : rows{} {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82F63B78u : 0u);
      rows[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; ++i) {
      for (int row = 1; row < 8; ++row) {
        rows[row][i] = (rows[row - 1][i] >> 8) ^ rows[0][rows[row - 1][i] & 0xFFu];
      }
    }
  }
};
constexpr Tables kTables;

uint32_t Portable(uint32_t crc, const uint8_t* bytes, size_t size) {
  // Eight bytes a step, one table for each of them.
  for (; size >= 8; size -= 8, bytes += 8) {
    const uint32_t low = crc ^ (static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
                                static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24);
    crc = kTables.rows[7][low & 0xFFu] ^ kTables.rows[6][(low >> 8) & 0xFFu] ^ kTables.rows[5][(low >> 16) & 0xFFu] ^
          kTables.rows[4][low >> 24] ^ kTables.rows[3][bytes[4]] ^ kTables.rows[2][bytes[5]] ^
          kTables.rows[1][bytes[6]] ^ kTables.rows[0][bytes[7]];
  }
  for (; size > 0; --size, ++bytes) crc = (crc >> 8) ^ kTables.rows[0][(crc ^ *bytes) & 0xFFu];
  return crc;
}

#if WHYDROP_CRC32C_SSE42
__attribute__((target("sse4.2"))) uint32_t Hardware(uint32_t crc, const uint8_t* bytes, size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; size > 0; --size, ++bytes) crc = _mm_crc32_u8(crc, *bytes);
  return crc;
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
#endif

}  // namespace

uint32_t Crc32c(uint32_t crc, const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
#if WHYDROP_CRC32C_SSE42
  if (HasHardware()) return ~Hardware(~crc, bytes, size);
#endif
  return ~Portable(~crc, bytes, size);
}

}  // namespace whydrop
