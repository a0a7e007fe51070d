// Descriptors that the SDK holds for long, in a process whose game may close every descriptor it does not know and then
// open its own under the same numbers. What a descriptor names is kept beside it, and asked before it is used or closed.
// A game thread that closes and opens between the question and the use still wins: a window of one system call.
//
// Thread rule: any thread; not signal-safe.
#ifndef WHYDROP_PLATFORM_LINUX_OWN_DESCRIPTOR_H
#define WHYDROP_PLATFORM_LINUX_OWN_DESCRIPTOR_H

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>

namespace whydrop::platform {

// Device and inode in one number; every file, pipe and socket has its own pair, an eventfd has not. 0: nothing is open
// there.
inline uint64_t WhatIsNamed(intptr_t descriptor) {
  struct stat info = {};
  if (descriptor < 0 || fstat(static_cast<int>(descriptor), &info) != 0) return 0;
  const uint64_t pair = static_cast<uint64_t>(info.st_dev) * 0x9E3779B97F4A7C15u ^ static_cast<uint64_t>(info.st_ino);
  return pair != 0 ? pair : 1;
}

inline bool StillNames(intptr_t descriptor, uint64_t named) { return named != 0 && WhatIsNamed(descriptor) == named; }

inline void CloseIfStill(intptr_t descriptor, uint64_t named) {
  if (StillNames(descriptor, named)) close(static_cast<int>(descriptor));
}

}  // namespace whydrop::platform

#endif
