// The ends that a C run-time makes by itself, without an exception that a filter could see: abort(), a pure virtual
// call, an invalid parameter. A process may hold several run-times (the game's, ours, a plugin's), each with handlers
// of its own; those that are loaded when the hooks are installed are hooked.
//
// Thread rule: Install and Uninstall on one thread at a time; `note` is called on the failing thread.
#ifndef WHYDROP_PLATFORM_WINDOWS_RUNTIME_HOOKS_H
#define WHYDROP_PLATFORM_WINDOWS_RUNTIME_HOOKS_H

#include <windows.h>

#include "platform/crash_hooks.h"

namespace whydrop::platform {

// `caller`: the address that called the run-time, 0 if unknown.
using RuntimeNote = void (*)(CrashKind kind, DWORD code, uint64_t caller);

void InstallRuntimeHooks(RuntimeNote note);
// Restores what was there before wherever the hook is still ours; one that others chained to stays, inert.
void UninstallRuntimeHooks();

}  // namespace whydrop::platform

#endif
