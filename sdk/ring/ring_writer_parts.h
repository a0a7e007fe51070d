// What the writer's source files share.
//
// Thread rule: that of RingWriter.
#ifndef WHYDROP_RING_RING_WRITER_PARTS_H
#define WHYDROP_RING_RING_WRITER_PARTS_H

#include "ring/ring_format.h"
#include "ring/ring_writer.h"

namespace whydrop {

struct RingWriter::Parts {
  // One of the two event rings.
  struct Ring {
    Word* slots;
    uint32_t count;
    Region region;
    Word* tail;
    Word* given_up;
  };
  enum class Claim { kTaken, kNoRoom, kSealedMeanwhile };

  static Ring KeyRing(const RingWriter& writer);
  static Ring FlowRing(const RingWriter& writer);
  static Word* SlotAt(const Ring& ring, uint64_t index);
  static Claim ClaimSlot(const RingWriter& writer, const Ring& ring, uint64_t index, Word* slot);
  static void Commit(const RingWriter& writer, uint64_t index, Word* slot, uint64_t meta, uint64_t time_ms,
                     uint32_t crc);
  static bool RecordEvent(const RingWriter& writer, const Ring& ring, EventType type, uint32_t connection, int64_t a,
                          int64_t b);

  // A record with its own payload, for groups of records that belong together.
  struct Record {
    EventType type;
    size_t size;
    uint8_t payload[kSlotPayloadBytes];
  };
  // Writes `count` records behind each other, the first one committed last. False: no room for the first. `*written` is
  // how many of them, in order, found room.
  static bool RecordGroup(const RingWriter& writer, const Ring& ring, const Record* records, size_t count,
                          size_t* written);

  static Word* Words(const RingWriter& writer, size_t offset) {
    return reinterpret_cast<Word*>(writer.storage_->data() + offset);
  }
  static size_t SlotOffset(const RingWriter& writer, uint32_t slot) {
    return writer.layout_.connections + slot * kConnectionBytes;
  }
  static LiveConnection* LiveAt(const RingWriter& writer, uint32_t slot) {
    return reinterpret_cast<LiveConnection*>(writer.storage_->data() + SlotOffset(writer, slot));
  }
  static void SlotChanged(const RingWriter& writer, uint32_t slot) {
    Changed(writer, SlotOffset(writer, slot), kConnectionBytes);
  }
  static void Changed(const RingWriter& writer, size_t offset, size_t size) {
    // A disk that refuses leaves the record in memory, where it still serves this process.
    if (writer.write_through_) static_cast<void>(writer.storage_->Written(offset, size));
  }

  static bool PopFreeSlot(RingWriter& writer, uint32_t* slot);
  static void PushFreeSlot(RingWriter& writer, uint32_t slot);
  static void FreeSlot(RingWriter& writer, uint32_t slot);
  static bool Enter(RingWriter& writer, ConnectionRef ref, uint32_t busy_flag);
  static void Leave(RingWriter& writer, uint32_t slot, uint32_t busy_flag);
  static bool LoadIdentity(const RingWriter& writer, ConnectionRef ref, ConnectionIdentity* out, uint16_t* sequence,
                           uint32_t* copy);
  static void StoreIdentity(const RingWriter& writer, ConnectionRef ref, const ConnectionIdentity& identity,
                            uint16_t sequence, uint32_t copy);
  static bool IsRepeat(RingWriter& writer, const ConnectionIdentity& identity, const Evidence& evidence, Cause cause);
  static void RecordEnd(RingWriter& writer, const ConnectionIdentity& identity, const Evidence& evidence, Cause cause,
                        Confidence confidence);
  static void AddToTotals(RingWriter& writer, const char* endpoint, Cause cause);
};

}  // namespace whydrop

#endif
