// Offsets and checksums that writer and reader share; FORMAT.md explains them.
//
// Thread rule: pure.
#ifndef WHYDROP_RING_RING_FORMAT_H
#define WHYDROP_RING_RING_FORMAT_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/crc32c.h"
#include "ring/ring_layout.h"

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the live parts of a ring are little-endian words in memory"
#endif

namespace whydrop {

inline constexpr char kRingMagic[8] = {'w', 'h', 'y', 'r', 'i', 'n', 'g', '\n'};

// Part of every checksum, so that bytes of one region never pass in another.
enum class Region : uint64_t { kKey = 0, kFlow = 1, kIdentity = 2, kFailure = 3, kTag = 4, kTotal = 5 };

enum SlotState : uint64_t { kSlotEmpty = 0, kSlotBusy = 1, kSlotCommitted = 2, kSlotStateMask = 3 };

inline constexpr uint64_t StateOf(uint64_t index, SlotState state) { return (index + 1) << 2 | state; }

// Words of a slot of the key or flow ring.
inline constexpr size_t kSlotState = 0;
inline constexpr size_t kSlotMeta = 1;  // crc | length << 32 | type << 48
inline constexpr size_t kSlotTime = 2;
inline constexpr size_t kSlotPayload = 3;
inline constexpr size_t kEventPayloadBytes = 24;
static_assert(kSlotPayload * 8 + kSlotPayloadBytes == kSlotBytes);

// Parts of a connection's slot.
inline constexpr size_t kIdentityBytes = 96;
inline constexpr size_t kIdentityCopies = 96;
inline constexpr size_t kFailureBlock = 288;
inline constexpr size_t kFailureBytes = 160;
inline constexpr size_t kFailureValues = 16;
static_assert(kIdentityCopies == sizeof(LiveConnection));
static_assert(kIdentityCopies + 2 * kIdentityBytes == kFailureBlock);
static_assert(kFailureBlock + kFailureBytes == kConnectionBytes);

// A copy of a connection's identity.
inline constexpr size_t kIdSequence = 4, kIdProtocol = 6, kIdHasToken = 7, kIdNumber = 8, kIdPrevious = 12,
                        kIdToken = 16, kIdEndpoint = 32, kIdNetwork = 64;

// Payload of kConnectionEnd; behind the token stand endpoint and network, each with its length before it.
inline constexpr size_t kEndNumber = 0, kEndPrevious = 4, kEndCause = 8, kEndConfidence = 10, kEndProtocol = 11,
                        kEndToken = 12, kEndLabels = 28;
inline constexpr uint8_t kEndHasToken = 0x80;
static_assert(kEndLabels + 2 * (1 + kMaxLabelBytes) <= kSlotPayloadBytes);

// Payload of kConnectionEvidence.
inline constexpr size_t kChunkNumber = 0, kChunkPresent = 8, kChunkValues = 16;
inline constexpr size_t kMaxChunks = 2;

// An entry of the tag table: two copies.
inline constexpr size_t kTagBytes = kTagsBytes / kMaxTags;
inline constexpr size_t kTagCopyBytes = 64;
inline constexpr size_t kTagSequence = 4, kTagKeySize = 8, kTagValueSize = 9, kTagKey = 16, kTagValue = 32;
static_assert(kTagValue + kMaxTagValueBytes == kTagCopyBytes && 2 * kTagCopyBytes <= kTagBytes);

// Words of an entry of the close totals.
inline constexpr size_t kTotalBytes = 64;
inline constexpr size_t kTotalState = 0;  // SlotState | crc << 32
inline constexpr size_t kTotalFirst = 1;  // first_ms | cause << 48
inline constexpr size_t kTotalEndpoint = 2;
inline constexpr size_t kTotalCount = 6;
inline constexpr size_t kTotalLast = 7;

inline uint32_t RingSeed(uint64_t nonce) { return Crc32c(0, &nonce, sizeof nonce); }

// Ties a checksum to one place: `index` is the record's index or the slot's number.
inline uint64_t PlaceWord(Region region, uint64_t index) { return index << 3 | static_cast<uint64_t>(region); }

inline uint32_t PlacedCrc(uint32_t seed, Region region, uint64_t index, uint64_t generation, const void* data,
                          size_t size) {
  const uint64_t place[2] = {PlaceWord(region, index), generation};
  return Crc32c(Crc32c(seed, place, sizeof place), data, size);
}

// The meta word without its checksum is part of the checksum.
inline uint32_t SlotCrc(uint32_t seed, Region region, uint64_t index, uint64_t meta, uint64_t time_ms,
                        const void* payload, size_t size) {
  const uint64_t head[3] = {PlaceWord(region, index), meta, time_ms};
  return Crc32c(Crc32c(seed, head, sizeof head), payload, size);
}

inline uint32_t HeaderCrc(const uint8_t* bytes) { return Crc32c(Crc32c(0, bytes, 12), bytes + 16, kHeaderBytes - 16); }

using Word = std::atomic<uint64_t>;

// Shared memory is only touched in whole atomic words; these are plain moves to the processor. `size` is a multiple
// of 8.
inline void StoreWords(Word* to, const void* from, size_t size) {
  for (size_t i = 0; i < size / 8; ++i) {
    uint64_t word;
    std::memcpy(&word, static_cast<const uint8_t*>(from) + 8 * i, 8);
    to[i].store(word, std::memory_order_relaxed);
  }
}

inline void LoadWords(void* to, const Word* from, size_t size) {
  for (size_t i = 0; i < size / 8; ++i) {
    const uint64_t word = from[i].load(std::memory_order_relaxed);
    std::memcpy(static_cast<uint8_t*>(to) + 8 * i, &word, 8);
  }
}

}  // namespace whydrop

#endif
