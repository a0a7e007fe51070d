#include "platform/identity.h"

#include <windows.h>

#include <bcrypt.h>

#include <string>

#include "platform/id_text.h"
#include "platform/process.h"
#include "platform/windows/boot_identity.h"
#include "platform/windows/error_status.h"
#include "platform/windows/handle.h"
#include "platform/windows/wide_path.h"

namespace whydrop::platform {
namespace {

// 0: unknown.
uint64_t CreationTime(HANDLE process) {
  FILETIME created = {};
  FILETIME ignored = {};
  if (!GetProcessTimes(process, &created, &ignored, &ignored, &ignored)) return 0;
  return static_cast<uint64_t>(created.dwHighDateTime) << 32 | created.dwLowDateTime;
}

bool RunsOnWine() {
  static const char* const kNtdll[] = {"ntdll.dll"};
  return FindSymbol(LoadLibraryByName(kNtdll, 1), "wine_get_version") != nullptr;
}

}  // namespace

ProcessIdentity CurrentProcess() {
  ProcessIdentity self;
  self.pid = RawPid();
  self.start_time = CreationTime(GetCurrentProcess());
  return self;
}

Liveness CheckProcess(const ProcessIdentity& process) {
  if (process.pid > MAXDWORD) return Liveness::kDead;
  const Handle handle(
      OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, static_cast<DWORD>(process.pid)));
  if (!handle) return GetLastError() == ERROR_INVALID_PARAMETER ? Liveness::kDead : Liveness::kUnknown;
  // A process that has ended can be opened as long as somebody holds a handle of it.
  if (WaitForSingleObject(handle.get(), 0) == WAIT_OBJECT_0) return Liveness::kDead;
  const uint64_t created = CreationTime(handle.get());
  if (created == 0) return Liveness::kUnknown;
  return created == process.start_time ? Liveness::kAlive : Liveness::kDead;
}

Id16 BootId() { return MakeBootId(AskBootSources()); }

Boots CompareBoots(const Id16& one, const Id16& other) { return CompareBootIds(one, other); }

Id16 MachineId() {
  wchar_t text[40] = {};
  DWORD size = sizeof(text);
  std::string id;
  // The view of 64 bits, or a 32-bit game on the same machine would have another id, or none.
  const LSTATUS status =
      RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid",
                   RRF_RT_REG_SZ | 0x00010000 /* RRF_SUBKEY_WOW6464KEY */, nullptr, text, &size);
  if (status != ERROR_SUCCESS || !ToUtf8(text, wcsnlen(text, 40), &id)) return {};
  return ParseId(id);
}

Status RandomBytes(void* out, size_t size) {
  const NTSTATUS status = BCryptGenRandom(nullptr, static_cast<PUCHAR>(out), static_cast<ULONG>(size),
                                          BCRYPT_USE_SYSTEM_PREFERRED_RNG);
  return status >= 0 ? OkStatus() : Status{StatusKind::kIo, static_cast<int32_t>(status)};
}

SystemKind CurrentSystem() {
  static const SystemKind kind = RunsOnWine() ? SystemKind::kWine : SystemKind::kWindows;
  return kind;
}

uint64_t CurrentThreadId() { return GetCurrentThreadId(); }

uint64_t RawPid() { return GetCurrentProcessId(); }

}  // namespace whydrop::platform
