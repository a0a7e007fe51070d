// The process around us: fork guard, exit hooks, libraries loaded on demand, counters of the system.
//
// Thread rule: any thread unless a function says otherwise. Not for recording calls.
#ifndef WHYDROP_PLATFORM_PROCESS_H
#define WHYDROP_PLATFORM_PROCESS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/status.h"

namespace whydrop::platform {

// A page that reads as zeros in a child of fork or clone, made once in the life of the process: state that must not be
// inherited lives in it. Where the system cannot wipe (before Linux 4.14), pthread_atfork clears it. nullptr: no memory.
void* WipedOnForkPage(size_t size);

// Keeps this library's code in memory until the process ends, even when its module is unloaded.
void PinLibrary();

// Runs `hook` at exit() and quick_exit(), on Windows at any orderly end of the process. May be called again later: the
// newest hook runs first. A hook may run twice.
void RunAtExit(void (*hook)());

// The process ends, and the system has ended all other threads already, whatever they held locked (Windows, at the exit
// of a DLL): no lock may be waited for any more. Always false on Linux.
bool OtherThreadsWereEnded();

// Log-off and shutdown as the system tells of them: `on_notice`, always the same, is called on a thread of the system or
// of ours, and again when the user or another program calls the shutdown off. To be called about once a second, on one
// thread at a time, because Windows tells programs with windows and those without in different ways, and which of them a
// program is shows only in time. Linux tells a process of neither.
enum class SessionEndNotice { kAnnounced, kCancelled };
void WatchSessionEnd(void (*on_notice)(SessionEndNotice notice));

// The system's count of out-of-memory kills that could have hit this process (its cgroup's, else the machine's).
// False: unknown.
bool OutOfMemoryKills(uint64_t* out);

// The host's count of packets dropped for want of a route. False: unknown.
bool NoRouteDrops(uint64_t* out);
// The host's count of TCP segments that it would not send again, as a firewall of its own makes it. False: unknown.
bool RefusedRetransmits(uint64_t* out);

// How long the calling thread could have run since it began, and had no processor. False: unknown.
bool WaitedForProcessorMs(uint64_t* out);

// What main was given behind the program's name, in UTF-8 (Windows hands main another encoding).
std::vector<std::string> ProgramArguments(int count, char** words);

// A shared library loaded on demand and never unloaded. nullptr: not there.
void* LoadLibraryByName(const char* const* names, size_t count);
void* FindSymbol(void* library, const char* name);

}  // namespace whydrop::platform

#endif
