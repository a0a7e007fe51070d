// What the collector asks the system about time and about itself.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_PROCESS_H
#define WHYDROP_COLLECTOR_PROCESS_H

#include <cstdint>

namespace whydrop::collector {

int64_t UnixSeconds();

int64_t ResidentBytes();  // of this process in RAM, 0 if the system does not tell

// Allows that many open files if the hard limit does; else as many as it does, and a warning.
void RaiseFileLimit(uint64_t wanted);

}  // namespace whydrop::collector

#endif
