#include "ring/evidence_codec.h"

namespace whydrop {
namespace {

constexpr size_t kMaxVarintBytes = 10;

size_t PutVarint(uint64_t value, uint8_t* out) {
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) out[size++] = static_cast<uint8_t>(value | 0x80);
  out[size++] = static_cast<uint8_t>(value);
  return size;
}

// The number of bytes taken, 0 if there is no whole varint of at most 64 bits.
size_t TakeVarint(const uint8_t* bytes, size_t size, uint64_t* out) {
  uint64_t value = 0;
  for (size_t i = 0; i < size && i < kMaxVarintBytes; ++i) {
    const uint64_t bits = bytes[i] & 0x7Fu;
    if (i == kMaxVarintBytes - 1 && bits > 1) return 0;
    value |= bits << (7 * i);
    if ((bytes[i] & 0x80u) == 0) {
      *out = value;
      return i + 1;
    }
  }
  return 0;
}

uint64_t ZigZag(int64_t value) { return static_cast<uint64_t>(value) << 1 ^ (value < 0 ? ~uint64_t{0} : uint64_t{0}); }

int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1 ^ ((value & 1) != 0 ? ~uint64_t{0} : uint64_t{0}));
}

}  // namespace

EncodedEvidence EncodeEvidence(const Evidence& evidence, uint64_t wanted, uint8_t* out, size_t capacity) {
  EncodedEvidence encoded;
  for (int number = 1; number < kFieldLimit; ++number) {
    const auto field = static_cast<Field>(number);
    if (((wanted >> number) & 1u) == 0 || !evidence.Has(field)) continue;
    uint8_t varint[kMaxVarintBytes];
    const size_t size = PutVarint(ZigZag(evidence.Get(field)), varint);
    if (size > capacity - encoded.size) break;
    for (size_t i = 0; i < size; ++i) out[encoded.size + i] = varint[i];
    encoded.size += size;
    encoded.present |= uint64_t{1} << number;
  }
  return encoded;
}

bool DecodeEvidence(uint64_t present, const uint8_t* bytes, size_t size, Evidence* out) {
  if ((present & 1u) != 0) return false;
  Evidence decoded = *out;
  size_t at = 0;
  for (int number = 1; number < kFieldLimit; ++number) {
    if (((present >> number) & 1u) == 0) continue;
    uint64_t value = 0;
    const size_t taken = TakeVarint(bytes + at, size - at, &value);
    if (taken == 0) return false;
    at += taken;
    decoded.Set(static_cast<Field>(number), UnZigZag(value));
  }
  if (at != size) return false;
  *out = decoded;
  return true;
}

}  // namespace whydrop
