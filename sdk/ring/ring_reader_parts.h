// What the reader's source files share.
//
// Thread rule: pure.
#ifndef WHYDROP_RING_RING_READER_PARTS_H
#define WHYDROP_RING_RING_READER_PARTS_H

#include "ring/ring_reader.h"

namespace whydrop {

// A ring whose header holds, and whose regions therefore lie inside `bytes`.
struct RingView {
  const uint8_t* bytes;
  RingLayout layout;
  uint32_t seed;
};

// Ten years: no session lasts longer.
inline constexpr uint64_t kMaxSessionMs = uint64_t{10} * 366 * 24 * 3600 * 1000;

// A label from `capacity` bytes that end with zeros; "" is one. False: anything else.
bool ReadLabel(const uint8_t* bytes, size_t capacity, char* out);

void ReadTags(const RingView& ring, RingContents* out);
void ReadTotals(const RingView& ring, RingContents* out);
// Adds the open connections; the ended ones must be in `out` already.
void ReadOpenConnections(const RingView& ring, RingContents* out);

}  // namespace whydrop

#endif
