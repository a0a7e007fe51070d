// The mappings of ring files in this process, for the handler of memory faults.
//
// Thread rule: any thread, lock-free; FindMapping is signal-safe.
#ifndef WHYDROP_PLATFORM_LIVE_MAPPINGS_H
#define WHYDROP_PLATFORM_LIVE_MAPPINGS_H

#include <cstddef>
#include <cstdint>

namespace whydrop::platform {

// False: there are too many.
bool RememberMapping(const void* data, size_t size);
void ForgetMapping(const void* data);
// The mapping that `address` lies in. False: none.
bool FindMapping(uintptr_t address, uintptr_t* start, size_t* size);

}  // namespace whydrop::platform

#endif
