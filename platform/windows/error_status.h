// From GetLastError() to a Status: the one table for files and memory.
#ifndef WHYDROP_PLATFORM_WINDOWS_ERROR_STATUS_H
#define WHYDROP_PLATFORM_WINDOWS_ERROR_STATUS_H

#include <windows.h>

#include "platform/status.h"

namespace whydrop::platform {

inline Status StatusFromWindows(DWORD error) {
  const auto native = static_cast<int32_t>(error);
  switch (error) {
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case 1295:  // ERROR_DISK_QUOTA_EXCEEDED, not in older headers
      return {StatusKind::kNoSpace, native};
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
      return {StatusKind::kNotFound, native};
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
      return {StatusKind::kExists, native};
    case ERROR_LOCK_VIOLATION:
      return {StatusKind::kBusy, native};
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
      return {StatusKind::kNoMemory, native};
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_NO_UNICODE_TRANSLATION:
      return {StatusKind::kInvalid, native};
    default:
      return {StatusKind::kIo, native};
  }
}

}  // namespace whydrop::platform

#endif
