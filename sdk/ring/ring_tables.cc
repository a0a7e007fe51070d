// Tags and close totals of the running session. See FORMAT.md.
#include "core/bytes.h"
#include "ring/ring_writer_parts.h"

namespace whydrop {
namespace {

// Setting a tag takes well below a microsecond: who finds another thread at it tries for about as long as that may take
// when nothing interrupts it, and then gives up and is counted.
constexpr int kTagAttempts = 2000;

struct TagCopy {
  uint8_t bytes[kTagCopyBytes] = {};
  uint32_t copy = 1;  // where the newest valid one lies
  uint32_t sequence = 0;

  bool Is(const char* key, size_t size) const {
    return bytes[kTagKeySize] == size && std::memcmp(bytes + kTagKey, key, size) == 0;
  }
};

TagCopy NewestTag(const Word* entry, uint32_t seed, uint64_t number) {
  TagCopy newest;
  for (uint32_t i = 0; i < 2; ++i) {
    uint8_t bytes[kTagCopyBytes];
    LoadWords(bytes, entry + i * kTagCopyBytes / sizeof(Word), sizeof bytes);
    const uint32_t crc = PlacedCrc(seed, Region::kTag, number, 0, bytes + 4, sizeof bytes - 4);
    const auto sequence = LoadLe<uint32_t>(bytes + kTagSequence);
    if (LoadLe<uint32_t>(bytes) != crc || sequence <= newest.sequence) continue;
    std::memcpy(newest.bytes, bytes, sizeof bytes);
    newest.copy = i;
    newest.sequence = sequence;
  }
  return newest;
}

}  // namespace

bool RingWriter::SetTag(const char* key, size_t key_size, const char* value, size_t value_size) {
  const bool valid = IsTagKey(key, key_size) && (value == nullptr || IsTagValue(value, value_size));
  bool entered = false;
  for (int i = 0; valid && !entered && i < kTagAttempts; ++i) {
    // Acquire: partner of the release below, so that the table is seen as the last thread left it.
    entered = tags_busy_.exchange(1, std::memory_order_acquire) == 0;
  }
  if (!entered) {
    CountLoss(Loss::kTagsDropped);
    return false;
  }
  constexpr uint32_t kNone = kMaxTags;
  uint32_t target = kNone;
  TagCopy newest;
  for (uint32_t i = 0; i < kMaxTags; ++i) {
    const TagCopy tag = NewestTag(Parts::Words(*this, layout_.tags + i * kTagBytes), crc_seed_, i);
    const bool same = tag.Is(key, key_size);
    if (same || (target == kNone && tag.bytes[kTagKeySize] == 0)) {
      target = i;
      newest = tag;
    }
    if (same) break;
  }
  const bool known = target != kNone && newest.Is(key, key_size);
  const bool change = target != kNone && (value != nullptr || known);
  if (change) {
    uint8_t bytes[kTagCopyBytes] = {};
    StoreLe(bytes + kTagSequence, newest.sequence + 1);
    if (value != nullptr) {
      bytes[kTagKeySize] = static_cast<uint8_t>(key_size);
      bytes[kTagValueSize] = static_cast<uint8_t>(value_size);
      std::memcpy(bytes + kTagKey, key, key_size);
      std::memcpy(bytes + kTagValue, value, value_size);
    }
    StoreLe(bytes, PlacedCrc(crc_seed_, Region::kTag, target, 0, bytes + 4, sizeof bytes - 4));
    const size_t offset = layout_.tags + target * kTagBytes + (1 - newest.copy) * kTagCopyBytes;
    StoreWords(Parts::Words(*this, offset), bytes, sizeof bytes);
    Parts::Changed(*this, offset, sizeof bytes);
  }
  tags_busy_.store(0, std::memory_order_release);
  const bool done = change || value == nullptr;
  if (!done) CountLoss(Loss::kTagsDropped);
  return done;
}

void RingWriter::Parts::AddToTotals(RingWriter& writer, const char* endpoint, Cause cause) {
  const uint64_t now_ms = writer.NowMs();
  uint8_t name[kMaxLabelBytes] = {};
  std::memcpy(name, endpoint, BoundedLength(endpoint, kMaxLabelBytes));
  for (uint32_t i = 0; i < kMaxTotals; ++i) {
    Word* entry = Words(writer, writer.layout_.totals + i * kTotalBytes);
    // Acquire: partner of the release that publishes the entry below.
    uint64_t state = entry[kTotalState].load(std::memory_order_acquire);
    if (state == kSlotEmpty &&
        entry[kTotalState].compare_exchange_strong(state, kSlotBusy, std::memory_order_acquire)) {
      const uint64_t first = now_ms | static_cast<uint64_t>(static_cast<uint16_t>(cause)) << 48;
      entry[kTotalFirst].store(first, std::memory_order_relaxed);
      StoreWords(entry + kTotalEndpoint, name, sizeof name);
      entry[kTotalCount].store(1, std::memory_order_relaxed);
      entry[kTotalLast].store(now_ms, std::memory_order_relaxed);
      const uint64_t crc = PlacedCrc(writer.crc_seed_, Region::kTotal, i, first, name, sizeof name);
      entry[kTotalState].store(kSlotCommitted | crc << 32, std::memory_order_release);
      Changed(writer, writer.layout_.totals + i * kTotalBytes, kTotalBytes);
      return;
    }
    // An entry that another thread is filling may be the same one; a second entry for it is added up by the reader.
    if ((state & UINT32_MAX) != kSlotCommitted) continue;
    uint8_t its_name[kMaxLabelBytes];
    LoadWords(its_name, entry + kTotalEndpoint, sizeof its_name);
    const auto its_cause = static_cast<int16_t>(entry[kTotalFirst].load(std::memory_order_relaxed) >> 48);
    if (its_cause != cause || std::memcmp(its_name, name, sizeof name) != 0) continue;
    // Release: who copies the totals first and the records then finds the record of everything counted.
    entry[kTotalCount].fetch_add(1, std::memory_order_release);
    entry[kTotalLast].store(now_ms, std::memory_order_relaxed);
    Changed(writer, writer.layout_.totals + i * kTotalBytes, kTotalBytes);
    return;
  }
  writer.CountLoss(Loss::kEventsDropped);
}

}  // namespace whydrop
