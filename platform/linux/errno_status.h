// From errno to a Status: the one table for files and memory.
#ifndef WHYDROP_PLATFORM_LINUX_ERRNO_STATUS_H
#define WHYDROP_PLATFORM_LINUX_ERRNO_STATUS_H

#include <cerrno>

#include "platform/status.h"

namespace whydrop::platform {

inline Status StatusFromErrno(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return {StatusKind::kNoSpace, error};
    case ENOENT:
    case ENOTDIR:
      return {StatusKind::kNotFound, error};
    case EEXIST:
      return {StatusKind::kExists, error};
    case ENOMEM:
      return {StatusKind::kNoMemory, error};
    case ELOOP:  // a symbolic link where O_NOFOLLOW forbids one
    case EISDIR:
    case ENXIO:
      return {StatusKind::kInvalid, error};
    default:
      return {StatusKind::kIo, error};
  }
}

}  // namespace whydrop::platform

#endif
