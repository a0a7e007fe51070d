// Whether everything stood still between two pulses of the worker: the machine was suspended, or the process was stopped.
// A worker that comes late alone is neither: it runs at low priority, and a busy machine gives it no processor.
//
// Thread rule: pure.
#ifndef WHYDROP_SESSION_STANDSTILL_H
#define WHYDROP_SESSION_STANDSTILL_H

#include <cstdint>

namespace whydrop {

// A suspend stands exactly in the difference of two clocks; a stop of the process only in what is missing of its time.
// Less than this may be a busy disk.
inline constexpr uint64_t kSleptMs = 1000;
inline constexpr uint64_t kFrozenMs = 3000;

struct PulseGap {
  uint64_t monotonic_ms = 0;  // by the clock that stands still in a suspend
  uint64_t boot_ms = 0;       // by the one that does not
  uint64_t starved_ms = 0;    // of it the worker could run, and had no processor
  bool was_busy = false;      // the worker did what may take its time
};

struct Standstill {
  uint64_t length_ms = 0;  // 0: there was none
  uint64_t slept_ms = 0;   // of it by suspend of the machine
};

inline Standstill StandstillOf(const PulseGap& gap) {
  const auto without = [](uint64_t all, uint64_t part) { return all > part ? all - part : 0; };
  const uint64_t slept_ms = without(gap.boot_ms, gap.monotonic_ms);
  const uint64_t awake_ms = gap.was_busy ? 0 : without(gap.monotonic_ms, gap.starved_ms);
  if (slept_ms < kSleptMs && slept_ms + awake_ms < kFrozenMs) return {};
  return {slept_ms + awake_ms, slept_ms};
}

}  // namespace whydrop

#endif
