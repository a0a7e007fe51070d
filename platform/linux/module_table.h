// Which module an address belongs to, answered inside a signal handler from a table made beforehand.
//
// Thread rule: Refresh on one thread at a time; Find from anywhere, signal handlers included.
#ifndef WHYDROP_PLATFORM_LINUX_MODULE_TABLE_H
#define WHYDROP_PLATFORM_LINUX_MODULE_TABLE_H

#include <cstdint>

namespace whydrop::platform {

struct Module {
  uint64_t start = 0;  // of the executable part
  uint64_t end = 0;
  uint64_t base = 0;  // what symbol tables count from
  char name[48] = {};
};

// nullptr: unknown.
const Module* FindModule(uint64_t address);

}  // namespace whydrop::platform

#endif
