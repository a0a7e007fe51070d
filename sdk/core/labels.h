// What the application may call things: identifiers, labels and tags are checked the same way by the SDK when it is told
// them, by the ring reader and by the collector.
//
// Thread rule: pure; allocates nothing.
#ifndef WHYDROP_CORE_LABELS_H
#define WHYDROP_CORE_LABELS_H

#include <cstddef>
#include <cstdint>

namespace whydrop {

inline constexpr size_t kMaxAppIdBytes = 64;
inline constexpr size_t kMaxVersionBytes = 64;
inline constexpr size_t kMaxLabelBytes = 32;
inline constexpr size_t kMaxTokenBytes = 64;
inline constexpr size_t kTokenHashBytes = 16;
inline constexpr size_t kMaxTagKeyBytes = 16;
inline constexpr size_t kMaxTagValueBytes = 32;
inline constexpr size_t kMaxTags = 16;
inline constexpr size_t kMaxReportIdBytes = 36;
inline constexpr size_t kMaxModuleBytes = 48;

bool IsAppId(const char* text, size_t size);       // 1-64 of [a-z0-9._-], no leading dot
bool IsAppVersion(const char* text, size_t size);  // 1-64 bytes of valid UTF-8 without control characters
bool IsLabel(const char* text, size_t size);       // 1-32 of [a-z0-9._-]
bool IsTagKey(const char* text, size_t size);      // 1-16 of [a-z0-9_]
bool IsTagValue(const char* text, size_t size);    // 0-32 of [A-Za-z0-9._+-]
bool IsPrintableAscii(const char* text, size_t size);
bool IsUtf8(const char* text, size_t size);        // strict: no overlong forms, no surrogates, at most U+10FFFF

// The length of `text` if it ends within `limit` bytes, else limit + 1. Never reads further.
size_t BoundedLength(const char* text, size_t limit);

}  // namespace whydrop

#endif
