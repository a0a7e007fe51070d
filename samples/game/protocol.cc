#include "game/protocol.h"

namespace game {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kMaxMessageBytes = 16 * 1024;

void AppendBigEndian(uint64_t value, size_t bytes, std::string* out) {
  for (size_t i = bytes; i > 0; --i) out->push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xff));
}

uint64_t ReadBigEndian(const std::string& from, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(from[i]);
  return value;
}

}  // namespace

std::string EncodeMessage(MessageType type, const std::string& payload) {
  std::string out;
  AppendBigEndian(payload.size() + 1, kLengthBytes, &out);
  out.push_back(static_cast<char>(type));
  return out + payload;
}

bool ClosesAtOnce(const std::string& wish) { return wish == "close" || wish == "linger0"; }

std::string EncodeNumber(uint64_t value) {
  std::string out;
  AppendBigEndian(value, sizeof value, &out);
  return out;
}

uint64_t DecodeNumber(const std::string& payload) {
  return payload.size() < sizeof(uint64_t) ? 0 : ReadBigEndian(payload, sizeof(uint64_t));
}

MessageReader::Result MessageReader::Next(Message* out) {
  if (buffer_.size() < kLengthBytes) return Result::kIncomplete;
  const size_t length = static_cast<size_t>(ReadBigEndian(buffer_, kLengthBytes));
  if (length == 0 || length > kMaxMessageBytes) return Result::kBroken;
  if (buffer_.size() < kLengthBytes + length) return Result::kIncomplete;
  out->type = static_cast<MessageType>(buffer_[kLengthBytes]);
  out->payload = buffer_.substr(kLengthBytes + 1, length - 1);
  buffer_.erase(0, kLengthBytes + length);
  return Result::kMessage;
}

}  // namespace game
