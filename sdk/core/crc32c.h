// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720 appendix B.4), with the processor's instruction
// where it has one.
//
// Thread rule: pure; allocates nothing.
#ifndef WHYDROP_CORE_CRC32C_H
#define WHYDROP_CORE_CRC32C_H

#include <cstddef>
#include <cstdint>

namespace whydrop {

// The checksum of `size` bytes that follow those `crc` is the checksum of; start with 0. Crc32c(0, "123456789", 9) is
// 0xE3069283.
uint32_t Crc32c(uint32_t crc, const void* data, size_t size);

}  // namespace whydrop

#endif
