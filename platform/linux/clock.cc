#include "platform/clock.h"

#include <time.h>

namespace whydrop::platform {
namespace {

// clock_gettime cannot fail for these clocks on any kernel this builds for, so errno is never touched.
timespec Now(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now;
}

uint64_t Milliseconds(const timespec& t) {
  return static_cast<uint64_t>(t.tv_sec) * 1000 + static_cast<uint64_t>(t.tv_nsec) / 1000000;
}

}  // namespace

uint64_t CoarseMonotonicMs() { return Milliseconds(Now(CLOCK_MONOTONIC_COARSE)); }

uint64_t MonotonicNs() {
  const timespec now = Now(CLOCK_MONOTONIC);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t BootTimeMs() { return Milliseconds(Now(CLOCK_BOOTTIME)); }

int64_t WallUnixMs() {
  const timespec now = Now(CLOCK_REALTIME);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

}  // namespace whydrop::platform
