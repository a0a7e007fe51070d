// Crash hooks: sees fatal signals (and unhandled exceptions), tells a sink, then lets whoever was there before us decide.
// A real previous handler is called with the original arguments; the default action is restored and the fault runs again,
// so that exit status and core dump are those of the program without us. Nothing here ends the process.
//
// Thread rule: Install, Uninstall, CheckInstalled and RefreshModules on one thread at a time; the sink is called on the
// faulting thread inside the handler and must be signal-safe.
#ifndef WHYDROP_PLATFORM_CRASH_HOOKS_H
#define WHYDROP_PLATFORM_CRASH_HOOKS_H

#include <cstdint>

#include "platform/status.h"

namespace whydrop::platform {

// Values of whydrop.v1.Crash.Kind and .AddressClass.
enum class CrashKind : int32_t { kFault = 1, kAbort = 2, kTerminate = 3, kStackOverflow = 4, kMarked = 5, kRuntimeCheck = 6 };
enum class AddressClass : int32_t { kUnknown = 0, kNearNull = 1, kStack = 2, kOther = 3, kNonCanonical = 4 };

struct CrashFacts {
  CrashKind kind = CrashKind::kFault;
  uint32_t code = 0;        // signal number or exception code
  // si_code; 0 or less: sent, not raised by a fault. On Windows 1, 2, 9: an access violation's read, write, execute.
  int32_t signal_code = 0;
  AddressClass address_class = AddressClass::kUnknown;
  uint64_t thread_id = 0;
  uint64_t stack_pointer = 0;  // of the interrupted code; tells later whether the thread left the handler
  char module[48] = {};        // file name without path, not necessarily zero-terminated
  uint64_t offset = 0;         // of the program counter in the module
};

struct CrashSink {
  // The fault is about to be handed to the previous handler. False: the hooks are to stay inert (a forked child).
  bool (*on_crash)(const CrashFacts& facts) = nullptr;
  // The previous handler returned and the signal is still its and ours: it dealt with the fault (a managed runtime, a
  // guard page).
  void (*on_returned)(uint64_t thread_id) = nullptr;
};

// Installs handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP and SIGSYS and the terminate hook (on Windows the
// unhandled-exception filter and its kin).
Status InstallCrashHooks(const CrashSink& sink);
// Restores what was there before wherever the hook is still ours; a hook that others chained to stays, inert.
void UninstallCrashHooks();
// The first signal whose handler is no longer ours, on Windows 1 for the exception filter; 0 if all are ours. Cheap; once
// a second on the worker.
int32_t DisplacedCrashHook();

// Brings the table of loaded modules up to date, which the handler looks the program counter up in. Worker thread: takes
// the loader's lock.
void RefreshModules();

// An alternate signal stack for the calling thread if it has none; released when the thread ends.
void AttachThreadForCrashes();

// Whether the calling thread runs on its alternate signal stack: addresses there say nothing about how deep it is.
// Always false where the system has none. Signal-safe.
bool OnSignalStack();

}  // namespace whydrop::platform

#endif
