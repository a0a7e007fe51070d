#include "platform/clock.h"

#include <windows.h>

namespace whydrop::platform {
namespace {

constexpr uint64_t kTicksPerMs = 10 * 1000;  // FILETIME and its kin count 100 ns
constexpr int64_t kUnixEpochInFileTimeMs = 11644473600000;

// Constant from boot to shutdown, so a value that two threads store at once is the same.
uint64_t CounterFrequency() {
  static uint64_t frequency = 0;
  if (frequency == 0) {
    LARGE_INTEGER asked = {};
    QueryPerformanceFrequency(&asked);
    frequency = static_cast<uint64_t>(asked.QuadPart);
  }
  return frequency;
}

}  // namespace

// Unbiased: stands still while the machine sleeps, so that BootTimeMs running ahead of it tells of the sleep.
uint64_t CoarseMonotonicMs() {
  ULONGLONG ticks = 0;
  QueryUnbiasedInterruptTime(&ticks);
  return ticks / kTicksPerMs;
}

uint64_t MonotonicNs() {
  LARGE_INTEGER now = {};
  QueryPerformanceCounter(&now);
  const uint64_t frequency = CounterFrequency();
  const auto count = static_cast<uint64_t>(now.QuadPart);
  // Whole seconds apart: the product would run over after half an hour at 10 MHz.
  return count / frequency * 1000000000 + count % frequency * 1000000000 / frequency;
}

uint64_t BootTimeMs() { return GetTickCount64(); }

int64_t WallUnixMs() {
  FILETIME now = {};
  GetSystemTimeAsFileTime(&now);
  const uint64_t ticks = (static_cast<uint64_t>(now.dwHighDateTime) << 32) | now.dwLowDateTime;
  return static_cast<int64_t>(ticks / kTicksPerMs) - kUnixEpochInFileTimeMs;
}

}  // namespace whydrop::platform
