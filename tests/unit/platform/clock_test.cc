#include "platform/clock.h"

#include <doctest/doctest.h>

#include <chrono>

namespace platform = whydrop::platform;

namespace {

// Busy, so that no sleep's resolution is measured: until the precise clock has moved by so much.
void SpendMs(uint64_t ms) {
  const uint64_t start = platform::MonotonicNs();
  while (platform::MonotonicNs() - start < ms * 1000000) {
  }
}

}  // namespace

TEST_CASE("the monotonic clocks never go back and agree with the standard library's on what has passed") {
  const auto library_start = std::chrono::steady_clock::now();
  const uint64_t precise_start = platform::MonotonicNs();
  const uint64_t coarse_start = platform::CoarseMonotonicMs();
  const uint64_t boot_start = platform::BootTimeMs();
  uint64_t coarse_last = coarse_start;
  for (int i = 0; i < 300; ++i) {
    SpendMs(1);
    const uint64_t coarse = platform::CoarseMonotonicMs();
    CHECK(coarse >= coarse_last);
    coarse_last = coarse;
  }
  // Each of these encloses the one before it, however long the machine stands still in between.
  const uint64_t precise = (platform::MonotonicNs() - precise_start) / 1000000;
  const auto library = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - library_start).count());
  CHECK(precise >= 300);
  CHECK(precise <= library + 1);
  // The coarse ones lag by up to one tick of the system, 16 ms on Windows, at either end.
  CHECK(platform::CoarseMonotonicMs() - coarse_start + 20 >= precise);
  CHECK(platform::BootTimeMs() - boot_start + 20 >= precise);
}

TEST_CASE("the wall clock counts milliseconds since 1970") {
  const auto library =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const int64_t ours = platform::WallUnixMs();
  CHECK(ours >= library - 20);
  CHECK(ours <= library + 10000);
}

TEST_CASE("the time since boot includes what the coarse clock slept through") {
  // Asked for first, so that the time between the calls cannot make it the larger one.
  const uint64_t coarse = platform::CoarseMonotonicMs();
  CHECK(platform::BootTimeMs() + 20 >= coarse);
}
