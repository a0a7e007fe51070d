#include "ring/ring_reader.h"

#include "core/bytes.h"
#include "ring/ring_format.h"
#include "ring/ring_reader_parts.h"

namespace whydrop {
namespace {

// A text from `capacity` bytes that end with zeros, if there is room.
bool ReadText(const uint8_t* bytes, size_t capacity, bool (*valid)(const char*, size_t), char* out) {
  const auto* text = reinterpret_cast<const char*>(bytes);
  size_t size = 0;
  while (size < capacity && text[size] != '\0') ++size;
  for (size_t i = size; i < capacity; ++i) {
    if (bytes[i] != 0) return false;
  }
  if (!valid(text, size)) return false;
  std::memcpy(out, text, size);
  out[size] = '\0';
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

void ReadRegions(const RingView& ring, RingContents* out) {
  ReadLife(ring, out);
  ReadTags(ring, out);
  ReadTotals(ring, out);
  ReadEvents(ring, out);
  ReadOpenConnections(ring, out);
}

}  // namespace

bool ReadLabel(const uint8_t* bytes, size_t capacity, char* out) {
  return ReadText(
      bytes, capacity, [](const char* text, size_t size) { return size == 0 || IsLabel(text, size); }, out);
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
