#include "ring/ring_reader.h"

#include <algorithm>

#include "core/bytes.h"
#include "ring/evidence_codec.h"
#include "ring/index_sort.h"
#include "ring/ring_format.h"
#include "ring/ring_reader_parts.h"

namespace whydrop {
namespace {

constexpr uint64_t kMaxCount = uint64_t{1} << 56;  // of bytes, events, indexes: beyond it a number is no number

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

bool ReadText(const uint8_t* bytes, size_t capacity, bool (*valid)(const char*, size_t), char* out) {
  const auto* text = reinterpret_cast<const char*>(bytes);
  const size_t size = BoundedLength(text, capacity - 1);  // capacity: no zero in front of the last byte
  const size_t length = size == capacity && text[capacity - 1] == '\0' ? capacity - 1 : size;
  for (size_t i = length; i < capacity; ++i) {
    if (bytes[i] != 0) return false;
  }
  if (!valid(text, length)) return false;
  std::memcpy(out, text, length);
  out[length] = '\0';
  return true;
}

Status ReadHeader(const uint8_t* bytes, size_t size, RingIdentity* out, RingLayout* layout) {
  const Status corrupt{StatusKind::kCorrupt, 0};
  if (size < kHeaderBytes || std::memcmp(bytes, kRingMagic, sizeof kRingMagic) != 0) return corrupt;
  if (LoadLe<uint32_t>(bytes + 8) != kRingVersion) return Status{StatusKind::kUnsupported, 0};
  if (LoadLe<uint32_t>(bytes + 12) != HeaderCrc(bytes)) return corrupt;
  const auto total = LoadLe<uint64_t>(bytes + 16);
  if (total > kMaxServerRingBytes) return corrupt;
  if (!PlanRing(static_cast<size_t>(total), LoadLe<uint32_t>(bytes + 24), layout)) return corrupt;
  RingIdentity id;
  id.role = LoadLe<int32_t>(bytes + 28);
  std::memcpy(id.session_id.data(), bytes + 32, 16);
  std::memcpy(id.boot_id.data(), bytes + 48, 16);
  std::memcpy(id.machine_hash.data(), bytes + 64, 16);
  id.pid = LoadLe<uint64_t>(bytes + 80);
  id.process_start = LoadLe<uint64_t>(bytes + 88);
  id.pid_namespace = LoadLe<uint64_t>(bytes + 96);
  id.nonce = LoadLe<uint64_t>(bytes + 104);
  id.started_unix_ms = LoadLe<int64_t>(bytes + 112);
  id.started_monotonic_ms = LoadLe<uint64_t>(bytes + 120);
  id.started_boot_ms = LoadLe<uint64_t>(bytes + 128);
  id.system = LoadLe<int32_t>(bytes + 136);
  id.rotate_interval_ms = LoadLe<uint32_t>(bytes + 140);
  // Who reports the session calculates with these.
  if (id.started_unix_ms > static_cast<int64_t>(kMaxCount) || id.started_unix_ms < -static_cast<int64_t>(kMaxCount) ||
      id.started_boot_ms > kMaxCount) {
    return corrupt;
  }
  if (id.role != WHYDROP_ROLE_CLIENT && id.role != WHYDROP_ROLE_SERVER) return corrupt;
  if (!ReadText(bytes + 144, kMaxAppIdBytes, IsAppId, id.app_id)) return corrupt;
  if (!ReadText(bytes + 208, kMaxVersionBytes, IsAppVersion, id.app_version)) return corrupt;
  *out = id;
  return OkStatus();
}

// Reads fields of the life page by their place in the struct, and keeps whether one of them was out of range.
class LifeFields {
 public:
  explicit LifeFields(const uint8_t* page) : page_(page) {}

  uint64_t Number(size_t offset, uint64_t limit) {
    const auto value = LoadLe<uint64_t>(page_ + offset);
    return value <= limit ? value : Refuse();
  }
  uint32_t Small(size_t offset, uint32_t limit) {
    const auto value = LoadLe<uint32_t>(page_ + offset);
    return value <= limit ? value : static_cast<uint32_t>(Refuse());
  }
  std::string Text(size_t offset, size_t capacity) {
    const auto* text = reinterpret_cast<const char*>(page_ + offset);
    size_t size = 0;
    while (size < capacity && text[size] != '\0') ++size;
    if (IsPrintableAscii(text, size)) return std::string(text, size);
    Refuse();
    return std::string();
  }
  bool refused() const { return refused_; }

 private:
  uint64_t Refuse() {
    refused_ = true;
    return 0;
  }
  const uint8_t* page_;
  bool refused_ = false;
};

void ReadCrash(LifeFields* fields, RingLife::Crash* crash) {
  const size_t at = offsetof(LifePage, crash);
  crash->state = static_cast<MarkerState>(fields->Small(at + offsetof(CrashMarker, state), 2));
  crash->recovered = fields->Small(at + offsetof(CrashMarker, recovered), UINT32_MAX);
  if (crash->state == MarkerState::kNone) return;
  crash->kind = static_cast<int32_t>(fields->Small(at + offsetof(CrashMarker, kind), 6));
  crash->code = fields->Small(at + offsetof(CrashMarker, code), UINT32_MAX);
  crash->signal_code = static_cast<int32_t>(fields->Small(at + offsetof(CrashMarker, signal_code), UINT32_MAX));
  crash->address_class = static_cast<int32_t>(fields->Small(at + offsetof(CrashMarker, address_class), 4));
  crash->exiting = fields->Small(at + offsetof(CrashMarker, exiting), 1) != 0;
  crash->thread_id = fields->Number(at + offsetof(CrashMarker, thread_id), UINT64_MAX);
  crash->offset = fields->Number(at + offsetof(CrashMarker, offset), UINT64_MAX);
  crash->at_ms = fields->Number(at + offsetof(CrashMarker, at_ms), kMaxSessionMs);
  crash->alive_ms = fields->Number(at + offsetof(CrashMarker, alive_ms), kMaxSessionMs);
  crash->module = fields->Text(at + offsetof(CrashMarker, module), kMaxModuleBytes);
  crash->report_id = fields->Text(at + offsetof(CrashMarker, report_id), kMaxReportIdBytes);
}

void ReadCounts(const RingView& ring, LifeFields* fields, RingLife* life) {
  const uint64_t key_tail = fields->Number(offsetof(LifePage, key_tail), kMaxCount);
  const uint64_t flow_tail = fields->Number(offsetof(LifePage, flow_tail), kMaxCount);
  const uint64_t given_up = fields->Number(offsetof(LifePage, key_given_up), kMaxCount);
  const uint64_t flow_given_up = fields->Number(offsetof(LifePage, flow_given_up), kMaxCount);
  const uint64_t taken = key_tail + flow_tail;
  life->recorded = taken > given_up + flow_given_up ? taken - given_up - flow_given_up : 0;
  life->connections_opened = fields->Number(offsetof(LifePage, connections_opened), UINT32_MAX);
  for (size_t i = 0; i < kLossCount; ++i) {
    life->losses[i] = fields->Number(offsetof(LifePage, losses) + 8 * i, kMaxCount);
  }
  // What was overwritten follows from the tail, so the writer does not count it.
  const uint64_t kept = ring.layout.flow_slots + flow_given_up;
  life->losses[static_cast<size_t>(Loss::kEventsOverwritten)] = flow_tail > kept ? flow_tail - kept : 0;

  life->sealed_index = fields->Number(offsetof(LifePage, sealed_index), kMaxCount);
  life->seal_to = fields->Number(offsetof(LifePage, seal_to), kMaxCount);
  life->seal_reference_ms = fields->Number(offsetof(LifePage, seal_reference_ms), kMaxSessionMs);
  life->rotation = static_cast<uint32_t>(fields->Number(offsetof(LifePage, seal_rotation), UINT32_MAX - 1));
  if (life->sealed_index > 0 && life->seal_to <= life->sealed_index) ++life->rotation;
  const size_t side = life->rotation % 2;
  life->flow_told = fields->Number(offsetof(LifePage, flow_told) + side * sizeof(uint64_t), kMaxCount);
}

void ReadLife(const RingView& ring, RingContents* out) {
  LifeFields fields(ring.bytes + ring.layout.life);
  RingLife* life = &out->life;
  life->clean_mark = fields.Small(offsetof(LifePage, clean_mark), 1) != 0;
  life->exit_reason = static_cast<int32_t>(fields.Small(offsetof(LifePage, exit_reason), WHYDROP_EXIT_OS_SHUTDOWN));
  life->shutdown_announced = fields.Small(offsetof(LifePage, shutdown_announced), 1) != 0;
  const uint32_t handlers = fields.Small(offsetof(LifePage, handlers), 3);
  life->handlers_installed = handlers != 0;
  life->handlers_displaced = handlers >= 2;
  life->ended_ms = fields.Number(offsetof(LifePage, ended_ms), kMaxSessionMs);
  life->heartbeat_ms = fields.Number(offsetof(LifePage, heartbeat_ms), kMaxSessionMs);
  life->tick_ms = fields.Number(offsetof(LifePage, tick_ms), kMaxSessionMs);
  life->tick_boot_ms = fields.Number(offsetof(LifePage, tick_boot_ms), kMaxCount);
  life->tick_unix_ms = static_cast<int64_t>(fields.Number(offsetof(LifePage, tick_unix_ms), kMaxCount));
  const uint64_t oom = fields.Number(offsetof(LifePage, oom_kills), kMaxCount);
  life->oom_kills_known = oom != 0;
  life->oom_kills = oom != 0 ? oom - 1 : 0;
  life->suspend_end_ms = fields.Number(offsetof(LifePage, suspend_end_ms), kMaxSessionMs);
  life->suspend_length_ms = fields.Number(offsetof(LifePage, suspend_length_ms), kMaxSessionMs);
  ReadCounts(ring, &fields, life);
  ReadCrash(&fields, &life->crash);
  out->damage.life_out_of_range = fields.refused();
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
  uint64_t Place(uint64_t index) const {
    return index <= UINT32_MAX ? static_cast<uint32_t>(index) % of : index % of;
  }
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

bool ReadLabel(const uint8_t* bytes, size_t capacity, char* out) {
  const auto* text = reinterpret_cast<const char*>(bytes);
  size_t size = 0;
  while (size < capacity && text[size] != '\0') ++size;
  for (size_t i = size; i < capacity; ++i) {
    if (bytes[i] != 0) return false;
  }
  if (size > kMaxLabelBytes || (size != 0 && !IsLabel(text, size))) return false;
  std::memcpy(out, text, size);
  out[size] = '\0';
  return true;
}

void CopyLiveRing(const uint8_t* live, size_t size, uint8_t* out) {
  // A slot that is overtaken while it is copied fails its checksum, as one that a dead process left half written.
  const auto* words = reinterpret_cast<const Word*>(live);
  for (size_t i = 0; i < size / 8; ++i) {
    // Acquire: partner of the release that publishes a slot, whose other words follow its state.
    const uint64_t word = words[i].load(std::memory_order_acquire);
    if (word != 0) std::memcpy(out + 8 * i, &word, 8);
  }
}

Status ReadRingHeader(const uint8_t* bytes, size_t size, RingIdentity* out) {
  RingLayout layout;
  return ReadHeader(bytes, size, out, &layout);
}

namespace {

void ReadRegions(const RingView& ring, RingContents* out) {
  ReadLife(ring, out);
  ReadTags(ring, out);
  ReadTotals(ring, out);
  std::vector<Chunk> chunks;
  out->events.reserve(UsedSlots(ring));
  ReadSlots(ring, Region::kKey, out, &chunks);
  const size_t key_events = out->events.size();
  ReadSlots(ring, Region::kFlow, out, &chunks);
  JoinEvidence(chunks, out);
  ReadOpenConnections(ring, out);
  MergeEvents(key_events, &out->events);
}

}  // namespace

Status ReadRing(const uint8_t* bytes, size_t size, RingContents* out) {
  *out = RingContents{};
  RingView ring{bytes, {}, 0, nullptr};
  const Status status = ReadHeader(bytes, size, &out->identity, &ring.layout);
  if (!status.ok()) return status;
  if (ring.layout.total_bytes != size) return Status{StatusKind::kCorrupt, 0};
  ring.seed = RingSeed(out->identity.nonce);
  ReadRegions(ring, out);
  return OkStatus();
}

Status ReadRingPart(const std::vector<uint8_t>& copy, const LivePart& part, RingContents* out) {
  *out = RingContents{};
  RingView ring{copy.data(), {}, 0, &part};
  const Status status = ReadHeader(copy.data(), copy.size(), &out->identity, &ring.layout);
  if (!status.ok()) return status;
  ring.layout.totals = part.totals(ring.layout);
  ring.layout.key = part.key_at(ring.layout);
  ring.layout.flow = part.flow_at(ring.layout);
  ring.seed = RingSeed(out->identity.nonce);
  ReadRegions(ring, out);
  return OkStatus();
}

}  // namespace whydrop
