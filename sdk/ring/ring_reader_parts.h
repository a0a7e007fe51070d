// What the reader's source files share.
//
// Thread rule: pure.
#ifndef WHYDROP_RING_RING_READER_PARTS_H
#define WHYDROP_RING_RING_READER_PARTS_H

#include <algorithm>
#include <vector>

#include "ring/ring_reader.h"

namespace whydrop {

// The places of an event ring in which a record with an index of [from, to) may lie, each once.
struct Places {
  uint64_t first;  // index, so place first % slots
  uint64_t count;
};
inline Places PlacesOf(uint64_t from, uint64_t to, uint32_t slots) {
  const uint64_t count = std::min<uint64_t>(to - std::min(from, to), slots);
  return {to - count, count};
}

// What was copied of a running server's own ring, and is all that can be read: everything in front of the connection
// table, then packed behind each other the slots of the table named here, the close totals, and the places of the two
// event rings.
struct LivePart {
  const std::vector<uint32_t>* connections;  // of them only the open ones count
  Places key, flow;

  size_t totals(const RingLayout& ring) const { return ring.connections + connections->size() * kConnectionBytes; }
  size_t key_at(const RingLayout& ring) const { return totals(ring) + kTotalsBytes; }
  size_t flow_at(const RingLayout& ring) const { return key_at(ring) + static_cast<size_t>(key.count) * kSlotBytes; }
};

// A ring whose header holds, and whose regions therefore lie inside `bytes`; of a part, where they are packed.
struct RingView {
  const uint8_t* bytes;
  RingLayout layout;
  uint32_t seed;
  const LivePart* part;  // nullptr: all of it
};

// Ten years: no session lasts longer.
inline constexpr uint64_t kMaxSessionMs = uint64_t{10} * 366 * 24 * 3600 * 1000;

// So many bytes, events or indexes are none: beyond it a number is no number.
inline constexpr uint64_t kMaxCount = uint64_t{1} << 56;

// A label from `capacity` bytes that end with zeros; "" is one. False: anything else.
bool ReadLabel(const uint8_t* bytes, size_t capacity, char* out);

// As ReadRing, of a part.
Status ReadRingPart(const std::vector<uint8_t>& copy, const LivePart& part, RingContents* out);

// --- connections by their number
bool ByNumber(const void* connections, uint32_t a, uint32_t b);
// Takes indexes of a number that comes again out of `order`, which is by number. Returns how many.
uint64_t DropRepeats(const std::vector<RingConnection>& connections, std::vector<uint32_t>* order);
// Where in `order`, which is by number, the connection stands; nullptr: nowhere.
const uint32_t* FindNumber(const std::vector<RingConnection>& connections, const std::vector<uint32_t>& order,
                           uint32_t number);

// The slots of both event rings: events, and the connections that ended with their evidence.
void ReadEvents(const RingView& ring, RingContents* out);
void ReadTags(const RingView& ring, RingContents* out);
void ReadTotals(const RingView& ring, RingContents* out);
// Adds the open connections; the ended ones must be in `out` already.
void ReadOpenConnections(const RingView& ring, RingContents* out);

}  // namespace whydrop

#endif
