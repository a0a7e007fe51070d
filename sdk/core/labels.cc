#include "core/labels.h"

#include <cstring>

namespace whydrop {
namespace {

bool IsLowerDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

template <typename Allowed>
bool AllOf(const char* text, size_t size, Allowed allowed) {
  for (size_t i = 0; i < size; ++i) {
    if (!allowed(text[i])) return false;
  }
  return true;
}

bool IsLabelChar(char c) { return IsLowerDigit(c) || c == '.' || c == '_' || c == '-'; }

// The number of bytes of the UTF-8 sequence at `text`, 0 if it is malformed.
size_t SequenceLength(const uint8_t* text, size_t size) {
  const uint8_t lead = text[0];
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || length > size) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((text[i] & 0xC0) != 0x80) return 0;
  }
  // The second byte rules out overlong forms, surrogates and what lies above U+10FFFF.
  if (lead == 0xE0 && text[1] < 0xA0) return 0;
  if (lead == 0xED && text[1] > 0x9F) return 0;
  if (lead == 0xF0 && text[1] < 0x90) return 0;
  if (lead == 0xF4 && text[1] > 0x8F) return 0;
  return length;
}

}  // namespace

bool IsAppId(const char* text, size_t size) {
  return size >= 1 && size <= kMaxAppIdBytes && text[0] != '.' && AllOf(text, size, IsLabelChar);
}

bool IsAppVersion(const char* text, size_t size) {
  return size >= 1 && size <= kMaxVersionBytes && IsUtf8(text, size) &&
         AllOf(text, size, [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7F; });
}

bool IsLabel(const char* text, size_t size) {
  return size >= 1 && size <= kMaxLabelBytes && AllOf(text, size, IsLabelChar);
}

bool IsTagKey(const char* text, size_t size) {
  return size >= 1 && size <= kMaxTagKeyBytes && AllOf(text, size, [](char c) { return IsLowerDigit(c) || c == '_'; });
}

bool IsTagValue(const char* text, size_t size) {
  return size <= kMaxTagValueBytes &&
         AllOf(text, size, [](char c) { return IsLabelChar(c) || IsUpper(c) || c == '+'; });
}

bool IsPrintableAscii(const char* text, size_t size) {
  return AllOf(text, size, [](char c) { return c >= 0x20 && c <= 0x7E; });
}

bool IsUtf8(const char* text, size_t size) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text);
  for (size_t i = 0; i < size;) {
    const size_t length = SequenceLength(bytes + i, size - i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

size_t BoundedLength(const char* text, size_t limit) {
  const void* end = std::memchr(text, 0, limit + 1);
  return end != nullptr ? static_cast<size_t>(static_cast<const char*>(end) - text) : limit + 1;
}

}  // namespace whydrop
