// Who and where this process is: boot, machine, process. Used to tell a dead ring from a live one and a reboot from a kill.
//
// Thread rule: any thread; they read files and are meant for start and for the worker.
#ifndef WHYDROP_PLATFORM_IDENTITY_H
#define WHYDROP_PLATFORM_IDENTITY_H

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/status.h"

namespace whydrop::platform {

using Id16 = std::array<uint8_t, 16>;

struct ProcessIdentity {
  uint64_t pid = 0;
  uint64_t start_time = 0;  // ticks since boot (Linux), creation FILETIME (Windows): tells a reused pid
  uint64_t pid_namespace = 0;  // inode number of the pid namespace; 0 where there is none
};

ProcessIdentity CurrentProcess();

enum class Liveness { kDead, kAlive, kUnknown };

// Whether that very process runs: kUnknown if it belongs to another pid namespace, where it cannot be seen.
Liveness CheckProcess(const ProcessIdentity& process);

// Names the boot of the system that runs now. All zeros if the system does not say.
Id16 BootId();

// Whether two ids, of this moment or kept, name the same boot. Not to be told by comparing bytes: where the system has no
// id of a boot, the time of it serves, which is never exactly the same.
enum class Boots { kUnknown, kSame, kOther };
Boots CompareBoots(const Id16& one, const Id16& other);

// The same for all processes of one machine, all zeros if unknown. Only ever used hashed together with the app id.
Id16 MachineId();

// Fills `out` with random bytes from the system.
Status RandomBytes(void* out, size_t size);

enum class SystemKind : int32_t { kLinux = 1, kWindows = 2, kWine = 3 };
SystemKind CurrentSystem();

// The system's number of the calling thread. Signal-safe.
uint64_t CurrentThreadId();

// The pid by a direct system call, never cached: differs in a child of vfork. Signal-safe.
uint64_t RawPid();

}  // namespace whydrop::platform

#endif
