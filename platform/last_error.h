// The error number that the game may look at right after a recording call.
#ifndef WHYDROP_PLATFORM_LAST_ERROR_H
#define WHYDROP_PLATFORM_LAST_ERROR_H

#include <cstdint>

namespace whydrop::platform {

// Keeps errno, and GetLastError() where there is one, as they were when it was made. Signal-safe.
class LastErrorKeeper {
 public:
  LastErrorKeeper();
  ~LastErrorKeeper();
  LastErrorKeeper(const LastErrorKeeper&) = delete;
  LastErrorKeeper& operator=(const LastErrorKeeper&) = delete;

 private:
  int errno_;
  uint32_t system_ = 0;
};

}  // namespace whydrop::platform

#endif
