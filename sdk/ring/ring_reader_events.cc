// The records of the key and flow ring of a ring that is read: events, and the connections that ended. Most of the
// bytes of a ring are these, so the time that reading takes is spent here. See FORMAT.md.
#include <algorithm>

#include "core/bytes.h"
#include "ring/evidence_codec.h"
#include "ring/index_sort.h"
#include "ring/ring_format.h"
#include "ring/ring_reader_parts.h"

namespace whydrop {
namespace {

// Evidence of an ended connection, to be joined to its record.
struct Chunk {
  bool key;
  uint64_t index;
  uint32_t connection;
  uint64_t present;
  size_t size;
  const uint8_t* values;
};

struct Slot {
  bool key;
  uint64_t index;
  uint64_t time_ms;
  EventType type;
  size_t size;
  const uint8_t* payload;
};

bool IsPlainEvent(uint16_t type) {
  return type >= static_cast<uint16_t>(EventType::kOpened) && type <= static_cast<uint16_t>(EventType::kReported);
}

bool ReadEnd(const Slot& slot, RingContents* out) {
  const uint8_t* payload = slot.payload;
  if (slot.size < kEndLabels + 2) return false;
  RingConnection connection;
  ConnectionIdentity& id = connection.identity;
  id.number = LoadLe<uint32_t>(payload + kEndNumber);
  id.previous = LoadLe<uint32_t>(payload + kEndPrevious);
  connection.cause = LoadLe<int16_t>(payload + kEndCause);
  const uint8_t confidence = payload[kEndConfidence];
  id.protocol = payload[kEndProtocol] & static_cast<uint8_t>(~kEndHasToken);
  id.has_token = (payload[kEndProtocol] & kEndHasToken) != 0;
  std::memcpy(id.token_hash.data(), payload + kEndToken, kTokenHashBytes);
  if (id.number == 0 || id.previous >= id.number || id.protocol > WHYDROP_UDP || confidence > 3 ||
      !IsKnownCause(connection.cause)) {
    return false;
  }
  connection.confidence = static_cast<Confidence>(confidence);
  size_t at = kEndLabels;
  for (char* label : {id.endpoint, id.network}) {
    if (at >= slot.size) return false;
    const size_t size = payload[at++];
    if (size > kMaxLabelBytes || size > slot.size - at) return false;
    if (!ReadLabel(payload + at, size, label)) return false;
    at += size;
  }
  if (at != slot.size) return false;
  connection.key_index = slot.key ? slot.index : kFlowRingKeyIndex;
  connection.flow_index = slot.key ? 0 : slot.index;
  out->connections.push_back(connection);
  return true;
}

bool ReadSlot(const Slot& slot, RingContents* out, std::vector<Chunk>* chunks) {
  if (slot.type == EventType::kConnectionEnd) return ReadEnd(slot, out);
  if (slot.type == EventType::kConnectionEvidence) {
    if (slot.size < kChunkValues) return false;
    chunks->push_back({slot.key, slot.index, LoadLe<uint32_t>(slot.payload + kChunkNumber),
                       LoadLe<uint64_t>(slot.payload + kChunkPresent), slot.size - kChunkValues,
                       slot.payload + kChunkValues});
    return true;
  }
  if (!IsPlainEvent(static_cast<uint16_t>(slot.type)) || slot.size != kEventPayloadBytes) return false;
  RingEvent event;
  event.index = slot.index;
  event.key = slot.key;
  event.at_ms = slot.time_ms;
  event.type = slot.type;
  event.connection = LoadLe<uint32_t>(slot.payload);
  event.a = LoadLe<int64_t>(slot.payload + 8);
  event.b = LoadLe<int64_t>(slot.payload + 16);
  out->events.push_back(event);
  return true;
}

// The slots of one event ring that are to be read, in the order in which they lie there.
struct Slots {
  bool key;
  uint32_t of;  // so many has the ring
  Places places;
  const uint8_t* bytes;

  Slots(const RingView& ring, Region region)
      : key(region == Region::kKey),
        of(key ? ring.layout.key_slots : ring.layout.flow_slots),
        places{0, of},
        bytes(ring.bytes + (key ? ring.layout.key : ring.layout.flow)) {
    if (ring.part != nullptr) places = key ? ring.part->key : ring.part->flow;
  }
  const uint8_t* end() const { return bytes + places.count * kSlotBytes; }
  // A division of 32 bits costs a fraction of one of 64, and hardly any session gets beyond it.
  uint64_t Place(uint64_t index) const { return index <= UINT32_MAX ? static_cast<uint32_t>(index) % of : index % of; }
};

// Slots with anything in them, so that memory is taken once, and as much as there is to read.
size_t UsedSlots(const RingView& ring) {
  size_t used = 0;
  for (const Region region : {Region::kKey, Region::kFlow}) {
    const Slots slots(ring, region);
    for (const uint8_t* at = slots.bytes; at != slots.end(); at += kSlotBytes) {
      used += LoadLe<uint64_t>(at) != 0 ? 1 : 0;
    }
  }
  return used;
}

void ReadSlots(const RingView& ring, Region region, RingContents* out, std::vector<Chunk>* chunks) {
  const Slots slots(ring, region);
  uint64_t place = slots.Place(slots.places.first);
  for (const uint8_t* bytes = slots.bytes; bytes != slots.end(); bytes += kSlotBytes) {
    const uint64_t here = place;
    place = place + 1 == slots.of ? 0 : place + 1;
    const auto state = LoadLe<uint64_t>(bytes);
    if (state == 0) continue;
    const uint64_t index = (state >> 2) - 1;
    const bool in_place = slots.Place(index) == here;
    if ((state & kSlotStateMask) == kSlotBusy && in_place) {
      ++out->damage.slots_unfinished;
      continue;
    }
    const auto meta = LoadLe<uint64_t>(bytes + 8 * kSlotMeta);
    Slot slot;
    slot.key = slots.key;
    slot.index = index;
    slot.time_ms = LoadLe<uint64_t>(bytes + 8 * kSlotTime);
    slot.size = static_cast<size_t>(meta >> 32 & 0xFFFFu);
    slot.type = static_cast<EventType>(meta >> 48);
    slot.payload = bytes + 8 * kSlotPayload;
    const bool good = (state & kSlotStateMask) == kSlotCommitted && in_place && index < kMaxCount &&
                      slot.size <= kSlotPayloadBytes && slot.time_ms <= kMaxSessionMs &&
                      static_cast<uint32_t>(meta) == SlotCrc(ring.seed, region, index, meta & ~uint64_t{UINT32_MAX},
                                                             slot.time_ms, slot.payload, slot.size);
    if (!good || !ReadSlot(slot, out, chunks)) ++out->damage.slots_damaged;
  }
}

bool IsEarlier(const RingEvent& a, const RingEvent& b) {
  if (a.at_ms != b.at_ms) return a.at_ms < b.at_ms;
  return a.key != b.key ? a.key : a.index < b.index;
}

bool ByTime(const void* events, uint32_t a, uint32_t b) {
  const auto* all = static_cast<const RingEvent*>(events);
  return IsEarlier(all[a], all[b]) || (a < b && !IsEarlier(all[b], all[a]));
}

// Puts the events of both rings, those of the key ring in front, into one order. Each ring is nearly ordered once it
// begins at its oldest record, and mostly wholly: sorting a full one would cost more than all the rest of the reading.
void MergeEvents(size_t key_events, std::vector<RingEvent>* events) {
  const auto middle = events->begin() + static_cast<std::ptrdiff_t>(key_events);
  const auto begin_at_oldest = [](std::vector<RingEvent>::iterator from, std::vector<RingEvent>::iterator to) {
    auto oldest = from;
    for (auto event = from; event != to; ++event) {
      if (event->index < oldest->index) oldest = event;
    }
    std::rotate(from, oldest, to);
  };
  begin_at_oldest(events->begin(), middle);
  begin_at_oldest(middle, events->end());
  // In place: what is written never passes what is still to be read.
  const std::vector<RingEvent> key(events->begin(), middle);
  auto out = events->begin();
  auto flow = middle;
  for (const RingEvent& event : key) {
    for (; flow != events->end() && IsEarlier(*flow, event); ++flow) *out++ = *flow;
    *out++ = event;
  }
  if (std::is_sorted(events->begin(), events->end(), IsEarlier)) return;
  std::vector<RingEvent> ordered;
  ordered.reserve(events->size());
  for (const uint32_t i : SortedIndexes(events->data(), events->size(), ByTime)) ordered.push_back((*events)[i]);
  events->swap(ordered);
}

bool ByIndex(const void* chunks, uint32_t a, uint32_t b) {
  const Chunk& left = static_cast<const Chunk*>(chunks)[a];
  const Chunk& right = static_cast<const Chunk*>(chunks)[b];
  return left.index != right.index ? left.index < right.index : a < b;
}

bool ByKeyIndex(const void* connections, uint32_t a, uint32_t b) {
  const RingConnection& left = static_cast<const RingConnection*>(connections)[a];
  const RingConnection& right = static_cast<const RingConnection*>(connections)[b];
  return left.key_index != right.key_index ? left.key_index < right.key_index : ByNumber(connections, a, b);
}

// Joins evidence to the ended connections and puts those into the order of their records.
void JoinEvidence(const std::vector<Chunk>& chunks, RingContents* out) {
  std::vector<RingConnection> ended;
  ended.swap(out->connections);
  std::vector<uint32_t> order = SortedIndexes(ended.data(), ended.size(), ByNumber);
  // One connection ends once: a second record of the same number can only be forged.
  out->damage.slots_damaged += DropRepeats(ended, &order);
  for (const uint32_t i : SortedIndexes(chunks.data(), chunks.size(), ByIndex)) {
    const Chunk& chunk = chunks[i];
    const uint32_t* found = FindNumber(ended, order, chunk.connection);
    // Without its end record the connection counts as open, and its slot says what is known.
    if (found == nullptr) continue;
    Evidence& evidence = ended[*found].evidence;
    if ((evidence.present() & chunk.present) != 0 ||
        !DecodeEvidence(chunk.present, chunk.values, chunk.size, &evidence)) {
      ++out->damage.slots_damaged;
    }
  }
  SortIndexes(ended.data(), ByKeyIndex, &order);
  out->connections.reserve(order.size());
  for (const uint32_t i : order) out->connections.push_back(ended[i]);
}

}  // namespace

void ReadEvents(const RingView& ring, RingContents* out) {
  std::vector<Chunk> chunks;
  out->events.reserve(UsedSlots(ring));
  ReadSlots(ring, Region::kKey, out, &chunks);
  const size_t key_events = out->events.size();
  ReadSlots(ring, Region::kFlow, out, &chunks);
  JoinEvidence(chunks, out);
  MergeEvents(key_events, &out->events);
}

}  // namespace whydrop
