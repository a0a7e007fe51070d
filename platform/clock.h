// Time. Monotonic and wall time never mix: durations come from the monotonic clocks, the wall clock is an anchor that is
// shown and never calculated with.
//
// Thread rule: every function from any thread and from signal handlers; none allocates or changes errno.
#ifndef WHYDROP_PLATFORM_CLOCK_H
#define WHYDROP_PLATFORM_CLOCK_H

#include <cstdint>

namespace whydrop::platform {

// Milliseconds of the system's coarse monotonic clock (CLOCK_MONOTONIC_COARSE, QueryInterruptTime): a few ms of
// resolution, stands still while the machine is suspended on Linux. The clock of every record.
uint64_t CoarseMonotonicMs();

// Nanoseconds of the precise monotonic clock.
uint64_t MonotonicNs();

// Milliseconds since boot, time in suspend included. Grows faster than the monotonic clock by what was slept.
uint64_t BootTimeMs();

// Milliseconds since 1970-01-01 UTC by the wall clock.
int64_t WallUnixMs();

}  // namespace whydrop::platform

#endif
