#include "platform/last_error.h"

#include <windows.h>

#include <cerrno>

namespace whydrop::platform {

// WSAGetLastError is the same number.
LastErrorKeeper::LastErrorKeeper() : errno_(errno), system_(GetLastError()) {}

LastErrorKeeper::~LastErrorKeeper() {
  errno = errno_;
  SetLastError(system_);
}

}  // namespace whydrop::platform
