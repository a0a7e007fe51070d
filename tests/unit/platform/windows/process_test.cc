// What only Windows has: sources of a boot's identity, optional functions, GetLastError, ExitProcess.
#include "platform/process.h"

#include <doctest/doctest.h>
#include <windows.h>

#include "platform/id_text.h"
#include "platform/identity.h"
#include "platform/last_error.h"
#include "platform/windows/boot_identity.h"
#include "support/child.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

CHILD_ROLE(ends_by_exit_process) {
  RunAtExit([] { Child::Tell(OtherThreadsWereEnded() ? "hook, alone" : "hook"); });
  ExitProcess(7);
}

namespace {

constexpr int64_t kBootedMs = 1700000000000;

BootSources Booted(int64_t at_unix_ms, uint64_t up_ms) {
  BootSources sources;
  sources.now_unix_ms = at_unix_ms + static_cast<int64_t>(up_ms);
  sources.up_ms = up_ms;
  return sources;
}

}  // namespace

TEST_CASE("boots are told apart by their time, with tolerance for a clock that is corrected") {
  const Id16 first = MakeBootId(Booted(kBootedMs, 5000));
  CHECK(CompareBootIds(first, MakeBootId(Booted(kBootedMs, 90 * 1000))) == Boots::kSame);
  CHECK(CompareBootIds(first, MakeBootId(Booted(kBootedMs + 59999, 5000))) == Boots::kSame);
  CHECK(CompareBootIds(MakeBootId(Booted(kBootedMs + 60000, 5000)), first) == Boots::kSame);
  CHECK(CompareBootIds(first, MakeBootId(Booted(kBootedMs + 60001, 5000))) == Boots::kOther);
  CHECK(CompareBootIds(MakeBootId(Booted(kBootedMs - 60001, 5000)), first) == Boots::kOther);
  // Out of a damaged file, any number may come.
  CHECK(CompareBootIds(MakeBootId(Booted(INT64_MIN, 0)), MakeBootId(Booted(INT64_MAX, 0))) == Boots::kOther);
}

TEST_CASE("the counter of boots goes before the time, the id of the kernel below Wine before both") {
  BootSources counted = Booted(kBootedMs, 5000);
  counted.boot_counter = 41;
  BootSources stepped = Booted(kBootedMs + 3600 * 1000, 5000);
  stepped.boot_counter = 41;
  CHECK(CompareBootIds(MakeBootId(counted), MakeBootId(stepped)) == Boots::kSame);
  stepped.boot_counter = 42;
  CHECK(CompareBootIds(MakeBootId(counted), MakeBootId(stepped)) == Boots::kOther);

  BootSources hosted = counted;
  hosted.host_boot_id = ParseId("e586ef67-cd8d-4fa8-90b0-59d7e0275931");
  CHECK(MakeBootId(hosted) == hosted.host_boot_id);
  BootSources rebooted = counted;
  rebooted.host_boot_id = ParseId("0186ef67-cd8d-4fa8-90b0-59d7e0275931");
  CHECK(CompareBootIds(MakeBootId(hosted), MakeBootId(rebooted)) == Boots::kOther);
  CHECK(CompareBootIds(MakeBootId(hosted), MakeBootId(counted)) == Boots::kUnknown);
  CHECK(CompareBootIds(MakeBootId(counted), MakeBootId(Booted(kBootedMs, 5000))) == Boots::kUnknown);
  CHECK(CompareBootIds(MakeBootId(counted), Id16{}) == Boots::kUnknown);
}

TEST_CASE("under Wine the boot is that of the kernel below") {
  if (CurrentSystem() != SystemKind::kWine) {
    MESSAGE("skipped: this is no Wine");
    return;
  }
  CHECK(AskBootSources().host_boot_id != Id16{});
  CHECK(BootId() == AskBootSources().host_boot_id);
}

TEST_CASE("an id is read in either case, and only if it is whole") {
  CHECK(ParseId("E586EF67-CD8D-4FA8-90B0-59D7E0275931") == ParseId("e586ef67cd8d4fa890b059d7e0275931\n"));
  CHECK(ParseId("e586ef67-cd8d-4fa8-90b0-59d7e027593") == Id16{});
  CHECK(ParseId("") == Id16{});
}

TEST_CASE("the machine has an id") { CHECK(MachineId() != Id16{}); }

TEST_CASE("GetLastError is kept") {
  SetLastError(77);
  {
    const LastErrorKeeper keep;
    SetLastError(5);
  }
  CHECK(GetLastError() == 77);
}

TEST_CASE("ExitProcess runs the hook, when all other threads have been ended") {
  if (CurrentSystem() == SystemKind::kWine) {
    MESSAGE("skipped: Wine 8 tells only DLLs of the end, not programs; the consumer test asks the DLL");
    return;
  }
  Child child = Child::InRole("ends_by_exit_process", {});
  CHECK(child.ReadLine() == "hook, alone");
  CHECK(child.Wait() == 7);
}

TEST_CASE("a library is found by the first name that exists, in the system's folder only") {
  const char* const names[] = {"does-not-exist.dll", "ntdll.dll"};
  CHECK(LoadLibraryByName(names, 1) == nullptr);
  void* library = LoadLibraryByName(names, 2);
  REQUIRE(library != nullptr);
  CHECK(FindSymbol(library, "NtClose") != nullptr);
  CHECK(FindSymbol(library, "no such function") == nullptr);
  CHECK(FindSymbol(nullptr, "NtClose") == nullptr);
}
