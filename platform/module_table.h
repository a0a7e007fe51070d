// Which module an address belongs to, answered inside a crash handler from a table made beforehand by RefreshModules
// (crash_hooks.h).
//
// Thread rule: FindModule and LocateInModule from anywhere, crash handlers included; the rest on the thread that
// refreshes.
#ifndef WHYDROP_PLATFORM_MODULE_TABLE_H
#define WHYDROP_PLATFORM_MODULE_TABLE_H

#include <cstddef>
#include <cstdint>

#include "platform/crash_hooks.h"

namespace whydrop::platform {

struct Module {
  uint64_t start = 0;  // of what a program counter in it can be
  uint64_t end = 0;
  uint64_t base = 0;  // what symbol tables count from
  char name[48] = {};
};

struct ModuleTable {
  static constexpr size_t kCapacity = 512;
  size_t count = 0;
  uint64_t state[2] = {};  // the system's: differs when modules came or went
  Module modules[kCapacity];
};

// nullptr: unknown.
const Module* FindModule(uint64_t address);
// Fills in `module` and `offset`, as far as they are known.
void LocateInModule(uint64_t program_counter, CrashFacts* facts);

// The table in use, nullptr before the first.
const ModuleTable* CurrentModules();
// The other one, to be filled and published.
ModuleTable* SpareModules();
void PublishModules(const ModuleTable* table);

}  // namespace whydrop::platform

#endif
