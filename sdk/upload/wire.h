// The protobuf wire, as much of it as this SDK needs: a writer whose bytes are those of libprotobuf for the same
// values, and a bounded reader of the collector's answer. libprotobuf itself stays out of games: its size and its
// global registries clash with the engine's own copy.
//
// Thread rule: plain values.
#ifndef WHYDROP_UPLOAD_WIRE_H
#define WHYDROP_UPLOAD_WIRE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace whydrop {

// Fields are to be written in the order of their numbers, as libprotobuf does.
class WireWriter {
 public:
  // Written even when 0: a field whose presence means something.
  void Present(uint32_t field, uint64_t value);
  // A proto3 field without presence: 0 is not written. Negative int32 and int64 values are passed sign-extended.
  void Number(uint32_t field, uint64_t value);
  void SignedNumber(uint32_t field, int64_t value) { Number(field, static_cast<uint64_t>(value)); }
  // sint32: small negative numbers stay small.
  void ZigZag(uint32_t field, int32_t value);
  // string and bytes; empty is not written.
  void Bytes(uint32_t field, const void* data, size_t size);
  void Text(uint32_t field, const std::string& text) { Bytes(field, text.data(), text.size()); }
  // A message that was encoded apart; written even when empty.
  void Message(uint32_t field, const std::string& encoded);

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return static_cast<std::string&&>(bytes_); }
  // Appends fields that were encoded apart, tag included.
  void Append(const std::string& encoded) { bytes_ += encoded; }

 private:
  void Varint(uint64_t value);
  std::string bytes_;
};

enum class AckVerdict : int32_t { kUnspecified = 0, kAccepted = 1, kDuplicate = 2, kRejected = 3, kDisabled = 4 };

// whydrop.v1.Ack as received. Sizes are checked: an id or hash of another length makes the whole answer unreadable.
struct WireAck {
  bool has_id = false;
  std::array<uint8_t, 16> session_id{};
  uint32_t rotation = 0;
  uint32_t part = 0;
  bool has_sha256 = false;
  std::array<uint8_t, 32> sha256{};
  AckVerdict verdict = AckVerdict::kUnspecified;  // may hold a number that has no name here
  uint32_t retry_after_s = 0;
};

// False: not a well-formed Ack. Unknown fields are passed over.
bool ReadAck(const void* data, size_t size, WireAck* out);

}  // namespace whydrop

#endif
