// What an exception record says, without asking the system: pure, so that codes which cannot be raised at will are
// tested as a table.
//
// Thread rule: pure; usable inside exception filters.
#ifndef WHYDROP_PLATFORM_WINDOWS_EXCEPTION_FACTS_H
#define WHYDROP_PLATFORM_WINDOWS_EXCEPTION_FACTS_H

#include <windows.h>

#include "platform/crash_hooks.h"

namespace whydrop::platform {

inline constexpr DWORD kHeapCorruption = 0xC0000374;
inline constexpr DWORD kInvalidRuntimeParameter = 0xC0000417;
// What Microsoft's run-time reports for abort() and for all that ends in it.
inline constexpr DWORD kFatalAppExit = 0x40000015;
inline constexpr DWORD kMicrosoftCppException = 0xE06D7363;
inline constexpr DWORD kGccCppException = 0x20474343;

CrashKind KindOfException(DWORD code);

// Code, kind, kind of access, class of the address, and the stack pointer of the interrupted code. Not the module and
// the thread.
CrashFacts FactsOfException(const EXCEPTION_RECORD& record, const CONTEXT& context);

// The address that an access violation or in-page error was about. False: another exception, or none is given.
bool AccessedAddress(const EXCEPTION_RECORD& record, uint64_t* address);

}  // namespace whydrop::platform

#endif
