// The child's side of the crash matrix: crashes in a named way with a named handler arrangement, and leaves what
// handler and sink saw in memory shared with the parent.
#ifndef WHYDROP_TESTS_CRASH_CRASH_CHILD_H
#define WHYDROP_TESTS_CRASH_CRASH_CHILD_H

#include <atomic>
#include <cstdint>

#include "platform/crash_hooks.h"

struct CrashResult {
  std::atomic<int> handler_calls;
  int handler_signal;
  int handler_code;
  uint64_t handler_address;
  std::atomic<int> sink_calls;
  std::atomic<int> returned_calls;
  whydrop::platform::CrashFacts first;
};

// Arguments: cause, arrangement, "main" or "worker", "hooks" or "bare".
int RunCrashChild(char** arguments, CrashResult* result);

#endif
