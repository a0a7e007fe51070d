// The child's side of the crash matrix on Windows: crashes in a named way with a named arrangement of other handlers,
// and leaves what handlers and sink saw in memory shared with the parent.
#ifndef WHYDROP_TESTS_CRASH_WINDOWS_CRASH_CHILD_H
#define WHYDROP_TESTS_CRASH_WINDOWS_CRASH_CHILD_H

#include <windows.h>

#include <atomic>

#include "platform/crash_hooks.h"

struct CrashResult {
  std::atomic<int> filter_calls;  // the other program part's exception filter
  std::atomic<DWORD> filter_code;
  std::atomic<int> abort_calls;  // its SIGABRT handler
  std::atomic<int> terminate_calls;
  std::atomic<int> sink_calls;
  std::atomic<int> returned_calls;
  whydrop::platform::CrashFacts first;
};

// Arguments: cause, arrangement, "main" or "worker", "hooks" or "bare".
int RunCrashChild(char** arguments, CrashResult* result);

#endif
