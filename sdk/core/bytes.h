// Little-endian loads and stores for the ring file and the batch files.
//
// Thread rule: pure; safe in a signal handler.
#ifndef WHYDROP_CORE_BYTES_H
#define WHYDROP_CORE_BYTES_H

#include <cstdint>
#include <cstring>

namespace whydrop {

template <typename T>
inline T LoadLe(const void* from) {
#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  // Not every compiler makes one load of the loop below, and reading a ring is made of these.
  T loaded;
  std::memcpy(&loaded, from, sizeof loaded);
  return loaded;
#else
  const auto* bytes = static_cast<const uint8_t*>(from);
  uint64_t value = 0;
  for (unsigned i = 0; i < sizeof(T); ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return static_cast<T>(value);
#endif
}

template <typename T>
inline void StoreLe(void* to, T value) {
  auto* bytes = static_cast<uint8_t*>(to);
  for (unsigned i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i));
}

}  // namespace whydrop

#endif
