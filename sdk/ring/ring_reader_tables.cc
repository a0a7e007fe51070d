// Tags, close totals and open connections of a ring that is read. See FORMAT.md.
#include <algorithm>

#include "core/bytes.h"
#include "ring/evidence_codec.h"
#include "ring/index_sort.h"
#include "ring/ring_format.h"
#include "ring/ring_reader_parts.h"

namespace whydrop {
namespace {

constexpr uint64_t kMaxConnectionsEver = UINT32_MAX;

bool AllZero(const uint8_t* bytes, size_t size) {
  return std::all_of(bytes, bytes + size, [](uint8_t byte) { return byte == 0; });
}

// The newest valid copy, nullptr if there is none. Sets *damaged when a copy is neither valid nor empty.
const uint8_t* NewestTagCopy(const RingView& ring, size_t number, bool* damaged) {
  const uint8_t* newest = nullptr;
  uint32_t newest_sequence = 0;
  for (size_t i = 0; i < 2; ++i) {
    const uint8_t* copy = ring.bytes + ring.layout.tags + number * kTagBytes + i * kTagCopyBytes;
    if (AllZero(copy, kTagCopyBytes)) continue;
    const uint32_t crc = PlacedCrc(ring.seed, Region::kTag, number, 0, copy + 4, kTagCopyBytes - 4);
    if (LoadLe<uint32_t>(copy) != crc) {
      *damaged = true;
      continue;
    }
    const auto sequence = LoadLe<uint32_t>(copy + kTagSequence);
    if (newest != nullptr && sequence <= newest_sequence) continue;
    newest = copy;
    newest_sequence = sequence;
  }
  return newest;
}

const uint8_t* NewestIdentity(const RingView& ring, const uint8_t* slot, uint32_t number, uint64_t generation) {
  const uint8_t* newest = nullptr;
  uint16_t newest_sequence = 0;
  for (size_t i = 0; i < 2; ++i) {
    const uint8_t* copy = slot + kIdentityCopies + i * kIdentityBytes;
    const uint32_t crc = PlacedCrc(ring.seed, Region::kIdentity, number, generation, copy + 4, kIdentityBytes - 4);
    if (LoadLe<uint32_t>(copy) != crc) continue;
    const auto sequence = LoadLe<uint16_t>(copy + kIdSequence);
    if (newest != nullptr && static_cast<int16_t>(sequence - newest_sequence) < 0) continue;
    newest = copy;
    newest_sequence = sequence;
  }
  return newest;
}

bool ReadIdentity(const uint8_t* copy, ConnectionIdentity* out) {
  out->number = LoadLe<uint32_t>(copy + kIdNumber);
  out->previous = LoadLe<uint32_t>(copy + kIdPrevious);
  out->protocol = copy[kIdProtocol];
  out->has_token = copy[kIdHasToken] != 0;
  std::memcpy(out->token_hash.data(), copy + kIdToken, kTokenHashBytes);
  return out->number != 0 && out->previous < out->number && out->protocol <= WHYDROP_UDP && copy[kIdHasToken] <= 1 &&
         ReadLabel(copy + kIdEndpoint, kMaxLabelBytes, out->endpoint) &&
         ReadLabel(copy + kIdNetwork, kMaxLabelBytes, out->network);
}

// The evidence of the first failure. False: there is none, or its thread died while it wrote.
bool ReadFailureBlock(const RingView& ring, const uint8_t* slot, uint32_t number, uint64_t generation, Evidence* out) {
  const uint8_t* block = slot + kFailureBlock;
  const uint32_t crc = PlacedCrc(ring.seed, Region::kFailure, number, generation, block + 4, kFailureBytes - 4);
  const size_t size = LoadLe<uint16_t>(block + 4);
  return LoadLe<uint32_t>(block) == crc && size <= kFailureBytes - kFailureValues &&
         DecodeEvidence(LoadLe<uint64_t>(block + 8), block + kFailureValues, size, out);
}

// What the changing part says, where the failure kept does not say it already. False: a number was out of range.
bool MergeLive(const uint8_t* live, RingConnection* out) {
  const auto number = [live](size_t offset) { return LoadLe<uint64_t>(live + offset); };
  const auto small = [live](size_t offset) { return LoadLe<uint32_t>(live + offset); };
  bool in_range = true;
  const auto merge = [&](Field field, uint64_t value, uint64_t limit) {
    if (value > limit) {
      in_range = false;
    } else if (!out->evidence.Has(field)) {
      out->evidence.Set(field, static_cast<int64_t>(value));
    }
  };
  const uint64_t sent = number(offsetof(LiveConnection, sent_bytes));
  const uint64_t at_receive = number(offsetof(LiveConnection, sent_bytes_at_receive));
  const uint64_t connected = number(offsetof(LiveConnection, connected_ms));
  const uint64_t opened = number(offsetof(LiveConnection, opened_ms));
  merge(Field::bytes_sent, sent, kMaxCount);
  merge(Field::bytes_received, number(offsetof(LiveConnection, received_bytes)), kMaxCount);
  merge(Field::sent_since_recv_bytes, sent >= at_receive ? sent - at_receive : 0, kMaxCount);
  merge(Field::established, connected != 0 ? 1 : 0, 1);
  if (opened != 0) merge(Field::opened_ms, opened, kMaxSessionMs);
  if (connected != 0) merge(Field::connected_ms, connected, kMaxSessionMs);
  const uint32_t min_rtt = small(offsetof(LiveConnection, app_min_rtt_us));
  const uint32_t rtt = small(offsetof(LiveConnection, app_rtt_us));
  const uint32_t largest = small(offsetof(LiveConnection, largest_send_bytes));
  const uint32_t announced = small(offsetof(LiveConnection, announced));
  if (min_rtt != 0) merge(Field::app_min_rtt_us, min_rtt, UINT32_MAX);
  if (rtt != 0) merge(Field::app_rtt_us, rtt, UINT32_MAX);
  if (largest != 0) merge(Field::largest_send_bytes, largest, UINT32_MAX);
  if (announced != 0) merge(Field::announced_reason, announced - 1, WHYDROP_CLOSE_IDLE);
  merge(Field::protocol, out->identity.protocol, WHYDROP_UDP);
  const uint64_t down = number(offsetof(LiveConnection, link_down_ms));
  if (down <= kMaxSessionMs) out->link_down_ms = down;
  return in_range && down <= kMaxSessionMs;
}

// The open connection in a slot of the table, `place` being its place there. False: there is none.
bool ReadConnection(const RingView& ring, const uint8_t* slot, uint32_t place, RingConnection* out,
                    RingDamage* damage) {
  const auto state = LoadLe<uint64_t>(slot + offsetof(LiveConnection, state));
  const uint64_t generation = state >> 2;
  const auto phase = static_cast<ConnectionState>(state & 3);
  // Of a living process, one that is being opened or ended is told when that is done.
  if (phase == ConnectionState::kFree || (ring.part != nullptr && phase != ConnectionState::kOpen)) return false;
  const uint8_t* copy = NewestIdentity(ring, slot, place, generation);
  out->open = true;
  if (copy == nullptr || !ReadIdentity(copy, &out->identity)) {
    // A thread that died while it opened the connection leaves no identity.
    if (phase != ConnectionState::kOpening) ++damage->connections_damaged;
    return false;
  }
  out->failed = ReadFailureBlock(ring, slot, place, generation, &out->evidence);
  if (!MergeLive(slot, out)) ++damage->connections_damaged;
  return true;
}

// Slots that are not free, so that a server's tens of thousands are not moved again and again while they are read.
size_t UsedConnections(const RingView& ring) {
  if (ring.part != nullptr) return ring.part->connections->size();
  size_t used = 0;
  for (uint32_t i = 0; i < ring.layout.max_connections; ++i) {
    const uint8_t* slot = ring.bytes + ring.layout.connections + i * kConnectionBytes;
    const auto state = LoadLe<uint64_t>(slot + offsetof(LiveConnection, state));
    if (static_cast<ConnectionState>(state & 3) != ConnectionState::kFree) ++used;
  }
  return used;
}

}  // namespace

void ReadTags(const RingView& ring, RingContents* out) {
  for (size_t i = 0; i < kMaxTags; ++i) {
    bool damaged = false;
    const uint8_t* copy = NewestTagCopy(ring, i, &damaged);
    if (damaged) ++out->damage.tags_damaged;
    if (copy == nullptr || copy[kTagKeySize] == 0) continue;
    const size_t key_size = copy[kTagKeySize];
    const size_t value_size = copy[kTagValueSize];
    const auto* key = reinterpret_cast<const char*>(copy + kTagKey);
    const auto* value = reinterpret_cast<const char*>(copy + kTagValue);
    if (!IsTagKey(key, key_size) || !IsTagValue(value, value_size)) {
      ++out->damage.tags_damaged;
      continue;
    }
    out->tags.push_back({std::string(key, key_size), std::string(value, value_size)});
  }
}

void ReadTotals(const RingView& ring, RingContents* out) {
  for (size_t i = 0; i < kMaxTotals; ++i) {
    const uint8_t* entry = ring.bytes + ring.layout.totals + i * kTotalBytes;
    const auto state = LoadLe<uint64_t>(entry);
    if (state == kSlotEmpty || state == kSlotBusy) continue;
    const auto first = LoadLe<uint64_t>(entry + 8 * kTotalFirst);
    const uint8_t* name = entry + 8 * kTotalEndpoint;
    RingTotal total;
    total.cause = static_cast<int16_t>(first >> 48);
    total.first_ms = first & ((uint64_t{1} << 48) - 1);
    total.count = LoadLe<uint64_t>(entry + 8 * kTotalCount);
    total.last_ms = LoadLe<uint64_t>(entry + 8 * kTotalLast);
    const uint64_t crc = PlacedCrc(ring.seed, Region::kTotal, i, first, name, kMaxLabelBytes);
    char endpoint[kMaxLabelBytes + 1];
    if (state != (kSlotCommitted | crc << 32) || !ReadLabel(name, kMaxLabelBytes, endpoint) ||
        !IsKnownCause(total.cause) || total.count == 0 || total.count > kMaxConnectionsEver ||
        total.first_ms > kMaxSessionMs || total.last_ms > kMaxSessionMs) {
      ++out->damage.totals_damaged;
      continue;
    }
    total.endpoint = endpoint;
    total.entry = i;
    const size_t side = out->life.rotation % 2;
    total.settled = LoadLe<uint32_t>(ring.bytes + ring.layout.life + offsetof(LifePage, settled) +
                                     (side * kMaxTotals + i) * sizeof(uint32_t));
    const auto same = std::find_if(out->totals.begin(), out->totals.end(), [&total](const RingTotal& other) {
      return other.cause == total.cause && other.endpoint == total.endpoint;
    });
    if (same == out->totals.end()) {
      out->totals.push_back(total);
      continue;
    }
    same->count += total.count;
    same->settled += total.settled;
    same->first_ms = std::min(same->first_ms, total.first_ms);
    same->last_ms = std::max(same->last_ms, total.last_ms);
  }
}

bool ByNumber(const void* connections, uint32_t a, uint32_t b) {
  const auto* all = static_cast<const RingConnection*>(connections);
  return all[a].identity.number != all[b].identity.number ? all[a].identity.number < all[b].identity.number : a < b;
}

uint64_t DropRepeats(const std::vector<RingConnection>& connections, std::vector<uint32_t>* order) {
  size_t kept = 0;
  for (const uint32_t i : *order) {
    const uint32_t number = connections[i].identity.number;
    if (kept != 0 && connections[(*order)[kept - 1]].identity.number == number) continue;
    (*order)[kept++] = i;
  }
  const uint64_t dropped = order->size() - kept;
  order->resize(kept);
  return dropped;
}

const uint32_t* FindNumber(const std::vector<RingConnection>& connections, const std::vector<uint32_t>& order,
                           uint32_t number) {
  size_t low = 0, high = order.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (connections[order[middle]].identity.number < number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < order.size() && connections[order[low]].identity.number == number ? &order[low] : nullptr;
}

void ReadOpenConnections(const RingView& ring, RingContents* out) {
  const std::vector<RingConnection>& ended = out->connections;
  const std::vector<uint32_t> ended_order = SortedIndexes(ended.data(), ended.size(), ByNumber);
  std::vector<RingConnection> open;
  open.reserve(UsedConnections(ring));
  const bool all = ring.part == nullptr;
  const size_t count = all ? ring.layout.max_connections : ring.part->connections->size();
  const uint8_t* slot = ring.bytes + ring.layout.connections;
  for (size_t i = 0; i < count; ++i, slot += kConnectionBytes) {
    const uint32_t place = all ? static_cast<uint32_t>(i) : (*ring.part->connections)[i];
    RingConnection connection;
    if (!ReadConnection(ring, slot, place, &connection, &out->damage)) continue;
    if (FindNumber(ended, ended_order, connection.identity.number) == nullptr) open.push_back(connection);
  }
  std::vector<uint32_t> order = SortedIndexes(open.data(), open.size(), ByNumber);
  out->damage.connections_damaged += DropRepeats(open, &order);
  out->connections.reserve(out->connections.size() + order.size());
  for (const uint32_t i : order) out->connections.push_back(open[i]);
}

}  // namespace whydrop
