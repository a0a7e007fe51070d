// CRC-32C without the processor's help, kStep bytes at a time, each with a table of 1 KiB: more of them are faster.
//
// Thread rule: pure; allocates nothing.
#ifndef WHYDROP_CORE_CRC32C_PORTABLE_H
#define WHYDROP_CORE_CRC32C_PORTABLE_H

#include <cstddef>
#include <cstdint>

namespace whydrop {

template <size_t kStep>
struct Crc32cTables {
  uint32_t rows[kStep][256];
  constexpr Crc32cTables() : rows{} {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82F63B78u : 0u);
      rows[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; ++i) {
      for (size_t row = 1; row < kStep; ++row) {
        rows[row][i] = (rows[row - 1][i] >> 8) ^ rows[0][rows[row - 1][i] & 0xFFu];
      }
    }
  }
};

template <size_t kStep>
inline constexpr Crc32cTables<kStep> kCrc32cTables;

// As Crc32c. kStep is 1, or 4 and more.
template <size_t kStep>
uint32_t PortableCrc32c(uint32_t crc, const void* data, size_t size) {
  const auto& rows = kCrc32cTables<kStep>.rows;
  const auto* bytes = static_cast<const uint8_t*>(data);
  crc = ~crc;
  for (; kStep > 1 && size >= kStep; size -= kStep, bytes += kStep) {
    uint32_t next = 0;
    for (size_t i = 0; i < kStep; ++i) {
      const uint32_t mixed = i < sizeof crc ? crc >> 8 * i : 0;
      next ^= rows[kStep - 1 - i][(mixed ^ bytes[i]) & 0xFFu];
    }
    crc = next;
  }
  for (; size > 0; --size, ++bytes) crc = (crc >> 8) ^ rows[0][(crc ^ *bytes) & 0xFFu];
  return ~crc;
}

}  // namespace whydrop

#endif
