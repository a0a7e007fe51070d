#include "upload/wire.h"

#include <cstring>

#include "upload/field_numbers.h"

namespace whydrop {
namespace {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

uint64_t Tag(uint32_t field, WireType type) { return (uint64_t{field} << 3) | type; }

// One field at a time of a byte range; every step is checked against its end.
class WireReader {
 public:
  WireReader(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  // False at the end of the range, or when the bytes are no field: see ok().
  bool Next() {
    if (at_ == end_ || !ok_) return false;
    uint64_t tag = 0;
    ok_ = Varint(&tag) && (tag >> 3) != 0 && (tag >> 3) <= 0x1fffffff && Value(static_cast<uint32_t>(tag & 7));
    field_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint32_t>(tag & 7);
    return ok_;
  }
  bool ok() const { return ok_; }
  bool IsNumber(uint32_t field) const { return field_ == field && type_ == kVarint; }
  bool IsBytes(uint32_t field) const { return field_ == field && type_ == kLengthDelimited; }
  uint64_t number() const { return number_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  bool Varint(uint64_t* out) {
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 70 && at_ != end_; shift += 7) {
      const uint8_t byte = *at_++;
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        *out = value;
        return true;
      }
    }
    return false;
  }
  bool Take(uint64_t size) {
    if (size > static_cast<uint64_t>(end_ - at_)) return false;
    data_ = at_;
    size_ = static_cast<size_t>(size);
    at_ += size_;
    return true;
  }
  bool Value(uint32_t type) {
    uint64_t length = 0;
    switch (type) {
      case kVarint:
        return Varint(&number_);
      case kFixed64:
        return Take(8);
      case kLengthDelimited:
        return Varint(&length) && Take(length);
      case kFixed32:
        return Take(4);
      default:
        return false;
    }
  }

  const uint8_t* at_;
  const uint8_t* end_;
  bool ok_ = true;
  uint32_t field_ = 0;
  uint32_t type_ = 0;
  uint64_t number_ = 0;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

bool ReadBatchId(const uint8_t* data, size_t size, WireAck* out) {
  WireReader reader(data, size);
  while (reader.Next()) {
    if (reader.IsBytes(fields::batch_id::kSessionId)) {
      if (reader.size() != out->session_id.size()) return false;
      std::memcpy(out->session_id.data(), reader.data(), reader.size());
      out->has_id = true;
    } else if (reader.IsNumber(fields::batch_id::kRotation)) {
      out->rotation = static_cast<uint32_t>(reader.number());
    } else if (reader.IsNumber(fields::batch_id::kPart)) {
      out->part = static_cast<uint32_t>(reader.number());
    }
  }
  return reader.ok();
}

}  // namespace

void WireWriter::Varint(uint64_t value) {
  while (value >= 0x80) {
    bytes_.push_back(static_cast<char>(static_cast<uint8_t>(value) | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<char>(value));
}

void WireWriter::Present(uint32_t field, uint64_t value) {
  Varint(Tag(field, kVarint));
  Varint(value);
}

void WireWriter::Number(uint32_t field, uint64_t value) {
  if (value != 0) Present(field, value);
}

void WireWriter::ZigZag(uint32_t field, int32_t value) {
  const auto bits = static_cast<uint32_t>(value);
  Number(field, static_cast<uint32_t>((bits << 1) ^ (value < 0 ? ~uint32_t{0} : 0)));
}

void WireWriter::Bytes(uint32_t field, const void* data, size_t size) {
  if (size == 0) return;
  Varint(Tag(field, kLengthDelimited));
  Varint(size);
  bytes_.append(static_cast<const char*>(data), size);
}

void WireWriter::Message(uint32_t field, const std::string& encoded) {
  Varint(Tag(field, kLengthDelimited));
  Varint(encoded.size());
  bytes_ += encoded;
}

bool ReadAck(const void* data, size_t size, WireAck* out) {
  WireAck ack;
  WireReader reader(static_cast<const uint8_t*>(data), size);
  while (reader.Next()) {
    if (reader.IsBytes(fields::ack::kId)) {
      if (!ReadBatchId(reader.data(), reader.size(), &ack)) return false;
    } else if (reader.IsBytes(fields::ack::kSha256)) {
      if (reader.size() != ack.sha256.size()) return false;
      std::memcpy(ack.sha256.data(), reader.data(), reader.size());
      ack.has_sha256 = true;
    } else if (reader.IsNumber(fields::ack::kVerdict)) {
      ack.verdict = static_cast<AckVerdict>(static_cast<int32_t>(reader.number()));
    } else if (reader.IsNumber(fields::ack::kRetryAfterS)) {
      ack.retry_after_s = static_cast<uint32_t>(reader.number());
    }
  }
  if (!reader.ok()) return false;
  *out = ack;
  return true;
}

}  // namespace whydrop
