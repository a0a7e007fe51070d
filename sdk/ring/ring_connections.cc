// The connection table: opening, changing and ending records. See FORMAT.md, "Connection table".
#include "core/bytes.h"
#include "ring/evidence_codec.h"
#include "ring/ring_writer_parts.h"

namespace whydrop {
namespace {

constexpr uint64_t kRepeatsRecorded = 4;

uint64_t LiveState(uint64_t generation, ConnectionState state) {
  return generation << 2 | static_cast<uint64_t>(state);
}

int CountBits(uint64_t bits) {
  int count = 0;
  for (; bits != 0; bits &= bits - 1) ++count;
  return count;
}

size_t PutLabel(const char* label, uint8_t* out) {
  const size_t size = BoundedLength(label, kMaxLabelBytes);
  out[0] = static_cast<uint8_t>(size);
  std::memcpy(out + 1, label, size);
  return size + 1;
}

void ClearLive(LiveConnection* live, uint64_t now_ms) {
  const auto relaxed = std::memory_order_relaxed;
  for (auto* value : {&live->sent_bytes, &live->received_bytes, &live->sent_bytes_at_receive, &live->connected_ms,
                      &live->last_sent_ms, &live->last_received_ms, &live->link_down_ms}) {
    value->store(0, relaxed);
  }
  for (auto* value :
       {&live->app_min_rtt_us, &live->app_rtt_us, &live->largest_send_bytes, &live->link_index, &live->announced}) {
    value->store(0, relaxed);
  }
  live->opened_ms.store(now_ms, relaxed);
  // A thread that came too late for the connection before this one may still be leaving.
  live->flags.fetch_and(kFlagTokenBusy | kFlagFailureBusy, relaxed);
}

}  // namespace

// A stack of freed slots, linked through the second identity copy, which nobody reads in a free slot. The count beside
// the head keeps a slot that was taken and freed again meanwhile from being mistaken for the old head.
bool RingWriter::Parts::PopFreeSlot(RingWriter& writer, uint32_t* slot) {
  uint64_t head = writer.free_slots_.load(std::memory_order_acquire);
  while ((head & UINT32_MAX) != 0) {
    const auto top = static_cast<uint32_t>(head & UINT32_MAX) - 1;
    const Word* link = Words(writer, SlotOffset(writer, top) + kIdentityCopies + kIdentityBytes);
    const uint64_t next = link->load(std::memory_order_relaxed) & UINT32_MAX;
    // Acquire: partner of the release in PushFreeSlot.
    if (writer.free_slots_.compare_exchange_weak(head, ((head >> 32) + 1) << 32 | next, std::memory_order_acq_rel,
                                                 std::memory_order_acquire)) {
      *slot = top;
      return true;
    }
  }
  uint32_t fresh = writer.fresh_slots_.load(std::memory_order_relaxed);
  while (fresh < writer.layout_.max_connections) {
    if (writer.fresh_slots_.compare_exchange_weak(fresh, fresh + 1, std::memory_order_acq_rel,
                                                  std::memory_order_relaxed)) {
      *slot = fresh;
      return true;
    }
  }
  return false;
}

void RingWriter::Parts::PushFreeSlot(RingWriter& writer, uint32_t slot) {
  Word* link = Words(writer, SlotOffset(writer, slot) + kIdentityCopies + kIdentityBytes);
  uint64_t head = writer.free_slots_.load(std::memory_order_relaxed);
  do {
    link->store(head & UINT32_MAX, std::memory_order_relaxed);
  } while (!writer.free_slots_.compare_exchange_weak(head, ((head >> 32) + 1) << 32 | (slot + 1),
                                                     std::memory_order_release, std::memory_order_relaxed));
}

void RingWriter::Parts::FreeSlot(RingWriter& writer, uint32_t slot) {
  LiveConnection* live = LiveAt(writer, slot);
  const uint64_t state = live->state.load(std::memory_order_relaxed);
  live->state.store(LiveState(state >> 2, ConnectionState::kFree), std::memory_order_release);
  SlotChanged(writer, slot);
  PushFreeSlot(writer, slot);
}

// Entering and leaving keep a slot from being freed, and so from being opened again, while a thread writes into it. The
// state is looked at after the flag is up: who ends the connection looks at the flags after changing the state.
bool RingWriter::Parts::Enter(RingWriter& writer, ConnectionRef ref, uint32_t busy_flag) {
  if (writer.Live(ref) == nullptr) return false;
  LiveConnection* live = LiveAt(writer, ref.slot);
  if ((live->flags.fetch_or(busy_flag, std::memory_order_seq_cst) & busy_flag) != 0) return false;
  if (live->state.load(std::memory_order_seq_cst) == LiveState(ref.generation, ConnectionState::kOpen)) return true;
  Leave(writer, ref.slot, busy_flag);
  return false;
}

void RingWriter::Parts::Leave(RingWriter& writer, uint32_t slot, uint32_t busy_flag) {
  const uint32_t before = LiveAt(writer, slot)->flags.fetch_and(~busy_flag, std::memory_order_acq_rel);
  const uint32_t others = before & (kFlagTokenBusy | kFlagFailureBusy) & ~busy_flag;
  if ((before & kFlagEnded) != 0 && others == 0) FreeSlot(writer, slot);
}

bool RingWriter::Parts::LoadIdentity(const RingWriter& writer, ConnectionRef ref, ConnectionIdentity* out,
                                     uint16_t* sequence, uint32_t* copy) {
  bool found = false;
  for (uint32_t i = 0; i < 2; ++i) {
    uint8_t bytes[kIdentityBytes];
    LoadWords(bytes, Words(writer, SlotOffset(writer, ref.slot) + kIdentityCopies + i * kIdentityBytes), sizeof bytes);
    const uint32_t crc =
        PlacedCrc(writer.crc_seed_, Region::kIdentity, ref.slot, ref.generation, bytes + 4, sizeof bytes - 4);
    if (LoadLe<uint32_t>(bytes) != crc) continue;
    const auto its_sequence = LoadLe<uint16_t>(bytes + kIdSequence);
    if (found && static_cast<int16_t>(its_sequence - *sequence) < 0) continue;
    found = true;
    *sequence = its_sequence;
    *copy = i;
    *out = ConnectionIdentity{};
    out->number = LoadLe<uint32_t>(bytes + kIdNumber);
    out->previous = LoadLe<uint32_t>(bytes + kIdPrevious);
    out->protocol = bytes[kIdProtocol];
    out->has_token = bytes[kIdHasToken] != 0;
    std::memcpy(out->token_hash.data(), bytes + kIdToken, kTokenHashBytes);
    std::memcpy(out->endpoint, bytes + kIdEndpoint, kMaxLabelBytes);
    std::memcpy(out->network, bytes + kIdNetwork, kMaxLabelBytes);
  }
  return found;
}

void RingWriter::Parts::StoreIdentity(const RingWriter& writer, ConnectionRef ref, const ConnectionIdentity& identity,
                                      uint16_t sequence, uint32_t copy) {
  uint8_t bytes[kIdentityBytes] = {};
  StoreLe(bytes + kIdSequence, sequence);
  bytes[kIdProtocol] = identity.protocol;
  bytes[kIdHasToken] = identity.has_token ? 1 : 0;
  StoreLe(bytes + kIdNumber, identity.number);
  StoreLe(bytes + kIdPrevious, identity.previous);
  if (identity.has_token) std::memcpy(bytes + kIdToken, identity.token_hash.data(), kTokenHashBytes);
  std::memcpy(bytes + kIdEndpoint, identity.endpoint, BoundedLength(identity.endpoint, kMaxLabelBytes));
  std::memcpy(bytes + kIdNetwork, identity.network, BoundedLength(identity.network, kMaxLabelBytes));
  StoreLe(bytes, PlacedCrc(writer.crc_seed_, Region::kIdentity, ref.slot, ref.generation, bytes + 4, sizeof bytes - 4));
  StoreWords(Words(writer, SlotOffset(writer, ref.slot) + kIdentityCopies + copy * kIdentityBytes), bytes,
             sizeof bytes);
}

ConnectionRef RingWriter::OpenConnection(const ConnectionIdentity& identity) {
  ConnectionRef ref;
  if (!Parts::PopFreeSlot(*this, &ref.slot)) {
    CountLoss(Loss::kConnectionsRefused);
    return ConnectionRef{};
  }
  // The slot is this thread's alone: the stack of free slots gave it out once.
  LiveConnection* live = Parts::LiveAt(*this, ref.slot);
  ref.generation = (live->state.load(std::memory_order_relaxed) >> 2) + 1;
  live->state.store(LiveState(ref.generation, ConnectionState::kOpening), std::memory_order_relaxed);
  ClearLive(live, NowMs());
  ConnectionIdentity stored = identity;
  stored.number = static_cast<uint32_t>(life_->connections_opened.fetch_add(1, std::memory_order_relaxed)) + 1;
  // A handle made up by the caller must not cost the record: the reader refuses one that follows a later one.
  if (stored.previous >= stored.number) stored.previous = 0;
  Parts::StoreIdentity(*this, ref, stored, 1, 0);
  // Release: partner of the acquire in Live.
  live->state.store(LiveState(ref.generation, ConnectionState::kOpen), std::memory_order_release);
  open_connections_.fetch_add(1, std::memory_order_relaxed);
  changed_.Mark(ref.slot);
  Parts::SlotChanged(*this, ref.slot);
  return ref;
}

LiveConnection* RingWriter::Live(ConnectionRef ref) const {
  if (!ref.valid() || ref.slot >= layout_.max_connections) return nullptr;
  LiveConnection* live = Parts::LiveAt(*this, ref.slot);
  const uint64_t state = live->state.load(std::memory_order_acquire);
  return state == LiveState(ref.generation, ConnectionState::kOpen) ? live : nullptr;
}

uint32_t RingWriter::NumberOf(ConnectionRef ref) const {
  if (Live(ref) == nullptr) return 0;
  ConnectionIdentity identity;
  uint16_t sequence = 0;
  uint32_t copy = 0;
  return Parts::LoadIdentity(*this, ref, &identity, &sequence, &copy) ? identity.number : 0;
}

bool RingWriter::SetToken(ConnectionRef ref, bool has_token, const std::array<uint8_t, kTokenHashBytes>& hash) {
  if (!Parts::Enter(*this, ref, kFlagTokenBusy)) return false;
  ConnectionIdentity identity;
  uint16_t sequence = 0;
  uint32_t copy = 0;
  const bool found = Parts::LoadIdentity(*this, ref, &identity, &sequence, &copy);
  if (found) {
    identity.has_token = has_token;
    identity.token_hash = hash;
    Parts::StoreIdentity(*this, ref, identity, static_cast<uint16_t>(sequence + 1), 1 - copy);
    changed_.Mark(ref.slot);
    Parts::SlotChanged(*this, ref.slot);
  }
  Parts::Leave(*this, ref.slot, kFlagTokenBusy);
  return found;
}

bool RingWriter::KeepFailure(ConnectionRef ref, const Evidence& evidence) {
  if (!Parts::Enter(*this, ref, kFlagFailureBusy)) return false;
  LiveConnection* live = Parts::LiveAt(*this, ref.slot);
  const bool first = (live->flags.fetch_or(kFlagFailureClaimed, std::memory_order_relaxed) & kFlagFailureClaimed) == 0;
  if (first) {
    uint8_t block[kFailureBytes] = {};
    const EncodedEvidence encoded =
        EncodeEvidence(evidence, ~uint64_t{0}, block + kFailureValues, sizeof block - kFailureValues);
    const int cut = CountBits(evidence.present() & ~encoded.present);
    if (cut > 0) CountLoss(Loss::kEvidenceCut, static_cast<uint64_t>(cut));
    StoreLe(block + 4, static_cast<uint16_t>(encoded.size));
    StoreLe(block + 8, encoded.present);
    StoreLe(block, PlacedCrc(crc_seed_, Region::kFailure, ref.slot, ref.generation, block + 4, sizeof block - 4));
    StoreWords(Parts::Words(*this, Parts::SlotOffset(*this, ref.slot) + kFailureBlock), block, sizeof block);
    changed_.Mark(ref.slot);
    Parts::SlotChanged(*this, ref.slot);
  }
  Parts::Leave(*this, ref.slot, kFlagFailureBusy);
  return first;
}

bool RingWriter::ReadFailure(ConnectionRef ref, Evidence* out) const {
  if (Live(ref) == nullptr) return false;
  uint8_t block[kFailureBytes];
  LoadWords(block, Parts::Words(*this, Parts::SlotOffset(*this, ref.slot) + kFailureBlock), sizeof block);
  // The checksum covers the generation: a block of an earlier connection, or one half written, is none.
  const uint32_t crc = PlacedCrc(crc_seed_, Region::kFailure, ref.slot, ref.generation, block + 4, sizeof block - 4);
  if (LoadLe<uint32_t>(block) != crc) return false;
  const size_t size = LoadLe<uint16_t>(block + 4);
  return size <= sizeof block - kFailureValues &&
         DecodeEvidence(LoadLe<uint64_t>(block + 8), block + kFailureValues, size, out);
}

bool RingWriter::Parts::IsRepeat(RingWriter& writer, const ConnectionIdentity& identity, const Evidence& evidence,
                                 Cause cause) {
  const uint32_t hash = Crc32c(Crc32c(0, &cause, sizeof cause), identity.endpoint, sizeof identity.endpoint);
  const bool counts = !evidence.IsTrue(Field::established) || !identity.has_token;
  uint64_t seen = writer.repeat_.load(std::memory_order_relaxed);
  uint64_t times;
  do {
    times = seen >> 32 == hash ? seen & UINT32_MAX : 0;
    if (counts && times < UINT32_MAX) ++times;
  } while (!writer.repeat_.compare_exchange_weak(seen, uint64_t{hash} << 32 | times, std::memory_order_relaxed));
  return counts && times > kRepeatsRecorded;
}

void RingWriter::Parts::RecordEnd(RingWriter& writer, const ConnectionIdentity& identity, const Evidence& evidence,
                                  Cause cause, Confidence confidence) {
  Record records[1 + kMaxChunks] = {};
  Record& end = records[0];
  end.type = EventType::kConnectionEnd;
  StoreLe(end.payload + kEndNumber, identity.number);
  StoreLe(end.payload + kEndPrevious, identity.previous);
  StoreLe(end.payload + kEndCause, static_cast<int16_t>(cause));
  end.payload[kEndConfidence] = static_cast<uint8_t>(confidence);
  end.payload[kEndProtocol] = static_cast<uint8_t>(identity.protocol | (identity.has_token ? kEndHasToken : 0));
  if (identity.has_token) std::memcpy(end.payload + kEndToken, identity.token_hash.data(), kTokenHashBytes);
  end.size = kEndLabels + PutLabel(identity.endpoint, end.payload + kEndLabels);
  end.size += PutLabel(identity.network, end.payload + end.size);

  size_t count = 1;
  uint64_t left = evidence.present();
  for (; left != 0 && count <= kMaxChunks; ++count) {
    Record& chunk = records[count];
    chunk.type = EventType::kConnectionEvidence;
    StoreLe(chunk.payload + kChunkNumber, identity.number);
    const EncodedEvidence encoded =
        EncodeEvidence(evidence, left, chunk.payload + kChunkValues, kSlotPayloadBytes - kChunkValues);
    StoreLe(chunk.payload + kChunkPresent, encoded.present);
    chunk.size = kChunkValues + encoded.size;
    left &= ~encoded.present;
  }

  size_t written = 0;
  if (!RecordGroup(writer, KeyRing(writer), records, count, &written) &&
      !RecordGroup(writer, FlowRing(writer), records, count, &written)) {
    writer.CountLoss(Loss::kEventsDropped);
    return;
  }
  for (size_t i = written; i < count; ++i) left |= LoadLe<uint64_t>(records[i].payload + kChunkPresent);
  if (left != 0) writer.CountLoss(Loss::kEvidenceCut, static_cast<uint64_t>(CountBits(left)));
}

bool RingWriter::EndConnection(ConnectionRef ref, const Evidence& evidence, Cause cause, Confidence confidence) {
  if (!ref.valid() || ref.slot >= layout_.max_connections) return false;
  LiveConnection* live = Parts::LiveAt(*this, ref.slot);
  uint64_t open = LiveState(ref.generation, ConnectionState::kOpen);
  if (!live->state.compare_exchange_strong(open, LiveState(ref.generation, ConnectionState::kEnding),
                                           std::memory_order_seq_cst, std::memory_order_relaxed)) {
    return false;
  }
  open_connections_.fetch_sub(1, std::memory_order_relaxed);
  ConnectionIdentity identity;
  uint16_t sequence = 0;
  uint32_t copy = 0;
  if (Parts::LoadIdentity(*this, ref, &identity, &sequence, &copy)) {
    if (!Parts::IsRepeat(*this, identity, evidence, cause)) {
      Parts::RecordEnd(*this, identity, evidence, cause, confidence);
    }
    Parts::AddToTotals(*this, identity.endpoint, cause);
  }
  // Sequentially consistent: partner of Enter.
  const uint32_t before = live->flags.fetch_or(kFlagEnded, std::memory_order_seq_cst);
  if ((before & (kFlagTokenBusy | kFlagFailureBusy)) == 0) Parts::FreeSlot(*this, ref.slot);
  return true;
}

}  // namespace whydrop
