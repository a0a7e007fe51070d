// Which boot of the system this is, from the best source there is. Windows has no id of a boot that every process may
// read; what serves is, in this order:
//   under Wine   the boot id of the Linux kernel below
//   BootId       a counter in the page that the kernel shares with every process (KUSER_SHARED_DATA, documented in
//                ntddk.h); 0 under Wine
//   boot time    the wall clock less the time since boot; moves with the clock, so it is compared with tolerance
//
// Thread rule: any thread. The last two functions are pure.
#ifndef WHYDROP_PLATFORM_WINDOWS_BOOT_IDENTITY_H
#define WHYDROP_PLATFORM_WINDOWS_BOOT_IDENTITY_H

#include <cstdint>

#include "platform/identity.h"

namespace whydrop::platform {

struct BootSources {
  Id16 host_boot_id = {};     // zeros: no Wine, or not to be had
  uint32_t boot_counter = 0;  // 0: unknown
  int64_t now_unix_ms = 0;
  uint64_t up_ms = 0;
};

BootSources AskBootSources();

Id16 MakeBootId(const BootSources& sources);
Boots CompareBootIds(const Id16& one, const Id16& other);

}  // namespace whydrop::platform

#endif
