#include "session/standstill.h"

#include <doctest/doctest.h>

using whydrop::PulseGap;
using whydrop::StandstillOf;

namespace {

PulseGap Gap(uint64_t monotonic_ms, uint64_t boot_ms) {
  PulseGap gap;
  gap.monotonic_ms = monotonic_ms;
  gap.boot_ms = boot_ms;
  return gap;
}

PulseGap Starved(uint64_t monotonic_ms, uint64_t boot_ms, uint64_t starved_ms) {
  PulseGap gap = Gap(monotonic_ms, boot_ms);
  gap.starved_ms = starved_ms;
  return gap;
}

PulseGap Busy(uint64_t monotonic_ms, uint64_t boot_ms) {
  PulseGap gap = Gap(monotonic_ms, boot_ms);
  gap.was_busy = true;
  return gap;
}

}  // namespace

TEST_CASE("a suspend of the machine stands in the difference of its clocks, a stop of the process in its own time") {
  const struct {
    const char* what;
    PulseGap gap;
    uint64_t length_ms, slept_ms;
  } cases[] = {
      {"a pulse like any other", Gap(250, 250), 0, 0},
      {"the machine slept for a second", Gap(250, 1250), 1250, 1000},
      {"it slept for less", Gap(250, 1249), 0, 0},
      {"the process was stopped for two seconds", Gap(2250, 2250), 0, 0},
      {"it was stopped for three", Gap(3000, 3000), 3000, 0},
      {"it was stopped, and the machine slept meanwhile", Gap(2500, 3000), 3000, 500},
      {"the worker had no processor for a second", Starved(1250, 1250, 1000), 0, 0},
      {"the worker had none for a minute", Starved(60250, 60250, 60000), 0, 0},
      {"it had none for a while before the process was stopped", Starved(6000, 6000, 2000), 4000, 0},
      {"it had none for a while before the machine slept", Starved(3250, 8250, 3000), 5250, 5000},
      {"it had none for longer than the gap, by the clock's ticks", Starved(3000, 3000, 3004), 0, 0},
      {"the worker waited for a disk", Busy(30000, 30000), 0, 0},
      {"it waited for a disk, and the machine slept", Busy(30000, 40000), 10000, 10000},
      {"one clock ticked before the other", Gap(260, 250), 0, 0},
  };
  for (const auto& [what, gap, length_ms, slept_ms] : cases) {
    CAPTURE(what);
    CHECK(StandstillOf(gap).length_ms == length_ms);
    CHECK(StandstillOf(gap).slept_ms == slept_ms);
  }
}
