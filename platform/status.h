// The one error value: what kind of failure, by which number of the system. No text, so it may be made anywhere; who logs
// it adds what was tried on which file.
//
// Thread rule: a plain value.
#ifndef WHYDROP_PLATFORM_STATUS_H
#define WHYDROP_PLATFORM_STATUS_H

#include <cstdint>

namespace whydrop {

enum class StatusKind : int32_t {
  kOk = 0,
  kIo = 1,           // the system refused; see native
  kNoSpace = 2,      // disk full or quota
  kCorrupt = 3,      // bytes that are not what they claim to be
  kUnsupported = 4,  // a version or kind that this build does not know
  kInvalid = 5,      // the caller's value
  kBusy = 6,         // held by another process
  kNotFound = 7,
  kExists = 8,
  kNoMemory = 9,
};

struct [[nodiscard]] Status {
  StatusKind kind = StatusKind::kOk;
  int32_t native = 0;  // errno or GetLastError(), 0 if none

  bool ok() const { return kind == StatusKind::kOk; }
};

inline Status OkStatus() { return {}; }

}  // namespace whydrop

#endif
