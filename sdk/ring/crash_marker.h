// The crash marker in the life page: written inside signal handlers, revoked when the fault turns out to be handled.
// Managed runtimes, Wine and emulators use SIGSEGV in normal life: a marker counts only if nobody came back from it.
//
// Thread rule: signal-safe, any thread; plain atomic stores to memory that was touched before.
#ifndef WHYDROP_RING_CRASH_MARKER_H
#define WHYDROP_RING_CRASH_MARKER_H

#include <cstdint>

#include "platform/crash_hooks.h"
#include "ring/ring_layout.h"

namespace whydrop {

// Writes the marker unless one in state kCrashed stands already (the first crash is the cause; a second thread's fault
// while crashing is not); to that one it only adds the report, if none was named. `report_id` may be nullptr.
void MarkCrash(LifePage* life, const platform::CrashFacts& facts, uint64_t now_ms, const char* report_id,
               size_t report_id_size);

// The previous handler returned on that thread: state kReturned, the fault was probably handled.
void MarkReturned(LifePage* life, uint64_t thread_id);

// The thread calls the SDK again; when the marker is its own and its stack pointer is at or above the interrupted one,
// it left the handler: the marker is cleared and counted as recovered. A single relaxed load in the normal case.
void RevokeIfRecovered(LifePage* life, uint64_t thread_id, uint64_t stack_pointer);

}  // namespace whydrop

#endif
