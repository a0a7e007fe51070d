// Structs of the C interface carry their size, so that caller and library may be of different versions.
//
// Thread rule: pure.
#ifndef WHYDROP_API_SIZED_STRUCT_H
#define WHYDROP_API_SIZED_STRUCT_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace whydrop {

// Copies what both sides know of `from` over the defaults in *out. False: no struct, or too small for its first fields.
template <typename T>
bool CopyIn(const T* from, size_t required, T* out) {
  if (from == nullptr || from->struct_size < required) return false;
  std::memcpy(out, from, from->struct_size < sizeof(T) ? from->struct_size : sizeof(T));
  return true;
}

// Copies what the caller has room for; its struct_size stays.
template <typename T>
void CopyOut(const T& from, T* out) {
  const uint32_t room = out->struct_size;
  std::memcpy(out, &from, room < sizeof(T) ? room : sizeof(T));
  out->struct_size = room;
}

}  // namespace whydrop

#endif
