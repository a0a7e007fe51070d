#include "platform/last_error.h"

#include <cerrno>

namespace whydrop::platform {

LastErrorKeeper::LastErrorKeeper() : errno_(errno) {}

LastErrorKeeper::~LastErrorKeeper() { errno = errno_; }

}  // namespace whydrop::platform
