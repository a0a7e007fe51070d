// The Windows side of linux/session_test.cc: handles that can be counted, exception filters. There are no forks.
#include <doctest/doctest.h>
#include <windows.h>

#include <atomic>
#include <csignal>
#include <vector>

#include "session_fixture.h"
#include "support/imports_windows.h"

using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

// Of this process. GetProcessHandleCount says nothing under Wine, so all handles of the system are asked for.
size_t CountHandles() {
  struct Entry {
    void* object;
    ULONG_PTR process;
    ULONG_PTR handle;
    ULONG access;
    USHORT unused[2];
    ULONG attributes[2];
  };
  constexpr int kExtendedHandles = 64;
  using Query = LONG(WINAPI*)(int, void*, ULONG, ULONG*);
  const auto query = reinterpret_cast<Query>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation")));
  std::vector<ULONG_PTR> table(1 << 20);
  ULONG size = 0;
  REQUIRE(query(kExtendedHandles, table.data(), static_cast<ULONG>(table.size() * sizeof(ULONG_PTR)), &size) == 0);
  const auto* entries = reinterpret_cast<const Entry*>(table.data() + 2);
  size_t count = 0;
  for (ULONG_PTR i = 0; i < table[0]; ++i) count += entries[i].process == GetCurrentProcessId() ? 1 : 0;
  return count;
}

// The C++ run-time of MinGW makes some for a mutex and a condition when they are first waited for. A session's stay
// with its object, which stays for the life of the process; the SDK's own calls are those for wide names.
std::atomic<size_t> made_by_runtime{0};
decltype(&CreateEventA) create_event = nullptr;
decltype(&CreateSemaphoreA) create_semaphore = nullptr;
HANDLE WINAPI CountEvent(SECURITY_ATTRIBUTES* attributes, BOOL manual, BOOL state, const char* name) {
  ++made_by_runtime;
  return create_event(attributes, manual, state, name);
}
HANDLE WINAPI CountSemaphore(SECURITY_ATTRIBUTES* attributes, LONG count, LONG most, const char* name) {
  ++made_by_runtime;
  return create_semaphore(attributes, count, most, name);
}

LPTOP_LEVEL_EXCEPTION_FILTER Filter() {
  const LPTOP_LEVEL_EXCEPTION_FILTER filter = SetUnhandledExceptionFilter(nullptr);
  SetUnhandledExceptionFilter(filter);
  return filter;
}

using AbortHandler = void(__cdecl*)(int);
AbortHandler OnAbort() {
  const AbortHandler handler = std::signal(SIGABRT, SIG_DFL);
  std::signal(SIGABRT, handler);
  return handler;
}

}  // namespace

TEST_CASE("sessions that come and go leave no handle behind") {
  TempDir dir;
  Started session(dir.path());
  for (int i = 0; i < 2; ++i) {  // what stays for the life of the process is made once
    REQUIRE(session.Start() == WHYDROP_OK);
    whydrop_flush(20000);
    whydrop_stop();
  }
  create_event = ReplaceImport("CreateEventA", CountEvent);
  create_semaphore = ReplaceImport("CreateSemaphoreA", CountSemaphore);
  REQUIRE((create_event != nullptr && create_semaphore != nullptr));
  const size_t before = CountHandles();
  REQUIRE(before > 0);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(session.Start() == WHYDROP_OK);
    whydrop_flush(20000);
    whydrop_stop();
  }
  // A worker that stop did not wait for holds its few until the next start.
  CHECK(CountHandles() <= before + made_by_runtime + 4);
  ReplaceImport("CreateEventA", create_event);
  ReplaceImport("CreateSemaphoreA", create_semaphore);
}

TEST_CASE("the game's crash handlers stay where they are if it asks for that") {
  TempDir dir;
  Started session(dir.path());
  session.config.flags = WHYDROP_FLAG_NO_CRASH_HANDLER | WHYDROP_FLAG_NO_NETWORK_WATCH;
  const auto filter = Filter();
  const auto on_abort = OnAbort();
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK((Filter() == filter));
  CHECK((OnAbort() == on_abort));
  whydrop_thread_attach();
}

TEST_CASE("stop gives the crash handlers back") {
  TempDir dir;
  Started session(dir.path());
  const auto filter = Filter();
  const auto on_abort = OnAbort();
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK((Filter() != filter));
  CHECK((OnAbort() != on_abort));
  whydrop_stop();
  CHECK((Filter() == filter));
  CHECK((OnAbort() == on_abort));
}
