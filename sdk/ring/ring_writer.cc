#include "ring/ring_writer.h"

#include <memory>
#include <new>

#include "core/bytes.h"
#include "platform/clock.h"
#include "ring/ring_writer_parts.h"

namespace whydrop {
namespace {

constexpr int kSealRetries = 4;      // a seal may begin between taking an index and claiming its slot
constexpr uint64_t kStuckMs = 5000;  // a writer that holds a slot for so long is given up by sealing

// Of a live connection; tells two states of one slot apart.
uint64_t SumOf(const Word* live) {
  uint64_t sum = 0xcbf29ce484222325;
  for (size_t i = 0; i < sizeof(LiveConnection) / sizeof(Word); ++i) {
    sum = (sum ^ live[i].load(std::memory_order_relaxed)) * 0x100000001b3;
  }
  return sum;
}

uint64_t MetaWord(EventType type, size_t size) {
  return static_cast<uint64_t>(size) << 32 | static_cast<uint64_t>(type) << 48;
}

}  // namespace

void RingWriter::Format(platform::RingStorage* storage, const RingLayout& layout, const RingIdentity& identity) {
  storage_ = storage;
  layout_ = layout;
  identity_ = identity;
  life_ = new (storage->data() + layout.life) LifePage{};
  crc_seed_ = RingSeed(identity.nonce);
  write_through_ = storage->mode() == platform::StorageMode::kFile;
  if (write_through_) written_ = std::make_unique<uint64_t[]>(layout.max_connections);
  changed_.Start(layout.max_connections);

  uint8_t* header = storage->data();
  std::memcpy(header, kRingMagic, sizeof kRingMagic);
  StoreLe<uint32_t>(header + 8, kRingVersion);
  StoreLe<uint64_t>(header + 16, layout.total_bytes);
  StoreLe<uint32_t>(header + 24, layout.max_connections);
  StoreLe<int32_t>(header + 28, identity.role);
  std::memcpy(header + 32, identity.session_id.data(), 16);
  std::memcpy(header + 48, identity.boot_id.data(), 16);
  std::memcpy(header + 64, identity.machine_hash.data(), 16);
  StoreLe(header + 80, identity.pid);
  StoreLe(header + 88, identity.process_start);
  StoreLe(header + 96, identity.pid_namespace);
  StoreLe(header + 104, identity.nonce);
  StoreLe(header + 112, identity.started_unix_ms);
  StoreLe(header + 120, identity.started_monotonic_ms);
  StoreLe(header + 128, identity.started_boot_ms);
  StoreLe(header + 136, identity.system);
  StoreLe(header + 140, identity.rotate_interval_ms);
  std::memcpy(header + 144, identity.app_id, kMaxAppIdBytes);
  std::memcpy(header + 208, identity.app_version, kMaxVersionBytes);
  StoreLe<uint32_t>(header + 12, HeaderCrc(header));
  Parts::Changed(*this, 0, kHeaderBytes + kLifeBytes);
}

uint64_t RingWriter::NowMs() const {
  const uint64_t now = platform::CoarseMonotonicMs();
  return now > identity_.started_monotonic_ms ? now - identity_.started_monotonic_ms + 1 : 1;
}

RingWriter::Parts::Ring RingWriter::Parts::KeyRing(const RingWriter& writer) {
  return {Words(writer, writer.layout_.key), writer.layout_.key_slots, Region::kKey, &writer.life_->key_tail,
          &writer.life_->key_given_up};
}

RingWriter::Parts::Ring RingWriter::Parts::FlowRing(const RingWriter& writer) {
  return {Words(writer, writer.layout_.flow), writer.layout_.flow_slots, Region::kFlow, &writer.life_->flow_tail,
          &writer.life_->flow_given_up};
}

inline Word* RingWriter::Parts::SlotAt(const Ring& ring, uint64_t index) {
  // A division of 32 bits costs a fraction of one of 64, and hardly any session gets beyond it.
  const uint64_t slot = index <= UINT32_MAX ? static_cast<uint32_t>(index) % ring.count : index % ring.count;
  return ring.slots + slot * (kSlotBytes / sizeof(Word));
}

inline RingWriter::Parts::Claim RingWriter::Parts::ClaimSlot(const RingWriter& writer, const Ring& ring, uint64_t index,
                                                             Word* slot) {
  uint64_t seen = slot[kSlotState].load(std::memory_order_relaxed);
  const uint64_t busy = StateOf(index, kSlotBusy);
  // A slow writer of an earlier lap, or a fast one of a later lap, keeps the slot.
  if ((seen & kSlotStateMask) == kSlotBusy || seen >= busy) return Claim::kNoRoom;
  const bool key = ring.region == Region::kKey;
  // Acquire: partner of FinishSeal's release, so that the sealing copy was taken before the slot is filled again.
  if (key && seen != 0 && (seen >> 2) - 1 >= writer.life_->sealed_index.load(std::memory_order_acquire)) {
    return Claim::kNoRoom;
  }
  // Acquire: partner of the release in Commit by the writer of the earlier lap. Sequentially consistent together with
  // the load below and the store and scan of BeginSeal: either sealing sees this claim, or this thread sees the seal.
  if (!slot[kSlotState].compare_exchange_strong(seen, busy, std::memory_order_seq_cst, std::memory_order_relaxed)) {
    return Claim::kNoRoom;
  }
  if (key && index < writer.life_->seal_to.load(std::memory_order_seq_cst)) {
    slot[kSlotState].store(seen, std::memory_order_release);
    return Claim::kSealedMeanwhile;
  }
  return Claim::kTaken;
}

inline void RingWriter::Parts::Commit(const RingWriter& writer, uint64_t index, Word* slot, uint64_t meta,
                                      uint64_t time_ms, uint32_t crc) {
  slot[kSlotMeta].store(meta | crc, std::memory_order_relaxed);
  slot[kSlotTime].store(time_ms, std::memory_order_relaxed);
  // Release: partner of ClaimSlot's acquire one lap later and of CopyLiveRing's fence.
  slot[kSlotState].store(StateOf(index, kSlotCommitted), std::memory_order_release);
  if (writer.write_through_) {
    const size_t offset = static_cast<size_t>(reinterpret_cast<uint8_t*>(slot) - writer.storage_->data());
    Changed(writer, offset, kSlotBytes);
  }
}

inline bool RingWriter::Parts::RecordEvent(const RingWriter& writer, const Ring& ring, EventType type,
                                           uint32_t connection, int64_t a, int64_t b) {
  for (int attempt = 0; attempt < kSealRetries; ++attempt) {
    // Relaxed: the index is only a hint where to claim; the slot's own state orders everything.
    const uint64_t index = ring.tail->fetch_add(1, std::memory_order_relaxed);
    Word* slot = SlotAt(ring, index);
    const Claim claim = ClaimSlot(writer, ring, index, slot);
    if (claim == Claim::kTaken) {
      const uint64_t meta = MetaWord(type, kEventPayloadBytes);
      const uint64_t time_ms = writer.NowMs();
      const uint64_t words[6] = {PlaceWord(ring.region, index), meta, time_ms, connection, static_cast<uint64_t>(a),
                                 static_cast<uint64_t>(b)};
      for (size_t i = 0; i < 3; ++i) slot[kSlotPayload + i].store(words[3 + i], std::memory_order_relaxed);
      Commit(writer, index, slot, meta, time_ms, Crc32c(writer.crc_seed_, words, sizeof words));
      return true;
    }
    ring.given_up->fetch_add(1, std::memory_order_relaxed);
    if (claim == Claim::kNoRoom) break;
  }
  return false;
}

bool RingWriter::Parts::RecordGroup(const RingWriter& writer, const Ring& ring, const Record* records, size_t count,
                                    size_t* written) {
  const uint64_t time_ms = writer.NowMs();
  *written = 0;
  for (int attempt = 0; attempt < kSealRetries; ++attempt) {
    // One step takes all indexes, so that a seal's end never falls between the records: it stops at the first one,
    // which stays busy until the others are there.
    const uint64_t first = ring.tail->fetch_add(count, std::memory_order_relaxed);
    const Claim claim = ClaimSlot(writer, ring, first, SlotAt(ring, first));
    if (claim != Claim::kTaken) {
      ring.given_up->fetch_add(count, std::memory_order_relaxed);
      if (claim == Claim::kNoRoom) return false;
      continue;
    }
    size_t taken = 1;
    while (taken < count && ClaimSlot(writer, ring, first + taken, SlotAt(ring, first + taken)) == Claim::kTaken) {
      ++taken;
    }
    ring.given_up->fetch_add(count - taken, std::memory_order_relaxed);
    for (size_t i = taken; i-- > 0;) {
      const Record& record = records[i];
      Word* slot = SlotAt(ring, first + i);
      const uint64_t meta = MetaWord(record.type, record.size);
      StoreWords(slot + kSlotPayload, record.payload, kSlotPayloadBytes);
      Commit(writer, first + i, slot, meta, time_ms,
             SlotCrc(writer.crc_seed_, ring.region, first + i, meta, time_ms, record.payload, record.size));
    }
    *written = taken;
    return true;
  }
  return false;
}

bool RingWriter::RecordKey(EventType type, uint32_t connection, int64_t a, int64_t b) {
  if (Parts::RecordEvent(*this, Parts::KeyRing(*this), type, connection, a, b)) return true;
  CountLoss(Loss::kEventsDropped);
  return false;
}

bool RingWriter::RecordFlow(EventType type, uint32_t connection, int64_t a, int64_t b) {
  if (Parts::RecordEvent(*this, Parts::FlowRing(*this), type, connection, a, b)) return true;
  CountLoss(Loss::kEventsDropped);
  return false;
}

uint64_t RingWriter::Recorded() const {
  const uint64_t given_up =
      life_->key_given_up.load(std::memory_order_relaxed) + life_->flow_given_up.load(std::memory_order_relaxed);
  const uint64_t taken =
      life_->key_tail.load(std::memory_order_relaxed) + life_->flow_tail.load(std::memory_order_relaxed);
  return taken > given_up ? taken - given_up : 0;
}

void RingWriter::CountLoss(Loss loss, uint64_t count) {
  life_->losses[static_cast<size_t>(loss)].fetch_add(count, std::memory_order_relaxed);
}

uint64_t RingWriter::LossCount(Loss loss) const {
  if (loss == Loss::kEventsOverwritten) {
    // Follows from the tail, so the recording path need not count it.
    const uint64_t kept = layout_.flow_slots + life_->flow_given_up.load(std::memory_order_relaxed);
    const uint64_t taken = life_->flow_tail.load(std::memory_order_relaxed);
    return taken > kept ? taken - kept : 0;
  }
  return life_->losses[static_cast<size_t>(loss)].load(std::memory_order_relaxed);
}

bool RingWriter::BeginSeal(uint64_t* from, uint64_t* to, uint32_t* rotation) {
  const uint64_t sealed = life_->sealed_index.load(std::memory_order_relaxed);
  uint64_t end = life_->seal_to.load(std::memory_order_relaxed);
  if (end <= sealed) {
    const Parts::Ring ring = Parts::KeyRing(*this);
    end = ring.tail->load(std::memory_order_relaxed);
    if (end <= sealed) return false;
    life_->seal_rotation.store(life_->rotation.load(std::memory_order_relaxed), std::memory_order_relaxed);
    life_->seal_reference_ms.store(NowMs(), std::memory_order_relaxed);
    // Sequentially consistent: partner of ClaimSlot. From here on no thread claims an index below `end` and keeps it.
    life_->seal_to.store(end, std::memory_order_seq_cst);
    // Busy slots can only be among the last lap; what lies before was overwritten or is committed.
    uint64_t index = end - sealed > ring.count ? end - ring.count : sealed;
    uint64_t stop = end;
    for (; index < end; ++index) {
      const uint64_t state = Parts::SlotAt(ring, index)[kSlotState].load(std::memory_order_seq_cst);
      const uint64_t held = (state >> 2) - 1;
      if ((state & kSlotStateMask) != kSlotBusy || held < sealed || held >= stop) continue;
      if (stuck_index_ != held + 1) {
        if (held + 1 < stuck_index_ || stuck_index_ <= sealed) {
          stuck_index_ = held + 1;
          stuck_since_ms_ = NowMs();
        }
        stop = held;
      } else if (NowMs() - stuck_since_ms_ < kStuckMs) {
        stop = held;
      } else {
        CountLoss(Loss::kEventsDropped);
      }
    }
    end = stop;
    life_->seal_to.store(end, std::memory_order_seq_cst);
    if (end <= sealed) return false;
    Parts::Changed(*this, layout_.life, kLifeBytes);
  }
  *from = sealed;
  *to = end;
  *rotation = static_cast<uint32_t>(life_->seal_rotation.load(std::memory_order_relaxed));
  return true;
}

void RingWriter::FinishSeal(const Told& told) {
  const uint64_t finished = life_->seal_rotation.load(std::memory_order_relaxed) + 1;
  life_->flow_told[finished % 2].store(told.flow_index, std::memory_order_relaxed);
  for (size_t i = 0; i < kMaxTotals; ++i) {
    life_->settled[finished % 2][i].store(told.settled[i], std::memory_order_relaxed);
  }
  // A loss of power must not leave the one store below on the disk without what it switches to, nor batches that were
  // sent without it. The rest of the ring may be older there: what was told is told, and the first end of a connection
  // wins at the collector.
  Parts::Changed(*this, layout_.life, kLifeBytes);
  storage_->Sync(0, layout_.life + kLifeBytes);
  // Release: partner of the acquire in ClaimSlot.
  life_->sealed_index.store(life_->seal_to.load(std::memory_order_relaxed), std::memory_order_release);
  life_->rotation.store(finished, std::memory_order_release);
  Parts::Changed(*this, layout_.life, kLifeBytes);
  storage_->Sync(0, layout_.life + kLifeBytes);
}

bool RingWriter::NeedsSeal() const {
  const uint64_t tail = life_->key_tail.load(std::memory_order_relaxed);
  return tail - life_->sealed_index.load(std::memory_order_relaxed) > layout_.key_slots / 2;
}

void RingWriter::WriteThrough() {
  life_->recorded.store(Recorded(), std::memory_order_relaxed);
  if (!write_through_) return;
  Parts::Changed(*this, layout_.life, kLifeBytes);
  const uint32_t used = fresh_slots_.load(std::memory_order_acquire);
  for (uint32_t slot = 0; slot < used && slot < layout_.max_connections; ++slot) {
    const uint64_t state = Parts::LiveAt(*this, slot)->state.load(std::memory_order_relaxed);
    if ((state & 3) == static_cast<uint64_t>(ConnectionState::kFree)) continue;
    const size_t offset = Parts::SlotOffset(*this, slot);
    const uint64_t sum = SumOf(Parts::Words(*this, offset));
    // Thousands of connections that stand unchanged cost no system call. What the disk refused is tried again.
    if (sum != written_[slot] && storage_->Written(offset, sizeof(LiveConnection))) written_[slot] = sum;
  }
}

}  // namespace whydrop
