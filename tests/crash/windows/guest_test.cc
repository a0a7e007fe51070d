// The SDK as a guest in the game's process, as in ../guest_test.cc: it bears a game that closes every handle, stays
// where its handlers point to, and loads nothing while it records.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <windows.h>

#include <string>
#include <vector>

#include "../../unit/session/session_fixture.h"
#include "../left_ring.h"
#include "support/child.h"
#include "support/imports_windows.h"

using whydrop_test::LeftRing;
using whydrop_test::OpenTcp;
using whydrop_test::ReadLeftRing;
using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

uint64_t CpuMs() {
  FILETIME ignored = {}, kernel = {}, user = {};
  GetProcessTimes(GetCurrentProcess(), &ignored, &ignored, &kernel, &user);
  const auto ticks = [](const FILETIME& time) {
    return static_cast<uint64_t>(time.dwHighDateTime) << 32 | time.dwLowDateTime;
  };
  return (ticks(kernel) + ticks(user)) / 10000;
}

// The functions of the DLL, which a game may load and free.
struct Plugin {
  HMODULE library = LoadLibraryA(WHYDROP_SHARED);
  template <typename Function>
  Function* Get(Function*, const char* name) const {
    return reinterpret_cast<Function*>(reinterpret_cast<void*>(GetProcAddress(library, name)));
  }
};

uintptr_t __cdecl NoThread(void*, unsigned, unsigned(__stdcall*)(void*), void*, unsigned, unsigned*) { return 0; }

bool IsOutput(HANDLE handle) {
  return handle == GetStdHandle(STD_INPUT_HANDLE) || handle == GetStdHandle(STD_OUTPUT_HANDLE) ||
         handle == GetStdHandle(STD_ERROR_HANDLE);
}

}  // namespace

CHILD_ROLE(closes_all_handles) {
  static Started session(arguments.at(0));
  if (session.Start() != WHYDROP_OK) return 90;
  if (whydrop_flush(20000) != WHYDROP_OK) return 91;
  for (uintptr_t number = 4; number < 4096; number += 4) {
    const auto handle = reinterpret_cast<HANDLE>(number);
    if (!IsOutput(handle)) CloseHandle(handle);
  }
  const uint64_t before_ms = CpuMs();
  const whydrop_conn conn = OpenTcp();
  // The time itself is what is tested: a worker that spins on its dead handles burns all of it.
  Sleep(1000);
  whydrop_conn_sent(conn, 100);
  if (CpuMs() - before_ms > 500) return 92;
  if (whydrop_flush(20000) != WHYDROP_OK) return 93;
  // What the game opens now gets the numbers that it closed, and no byte of ours.
  const std::string own = arguments.at(0) + "/game";
  std::vector<HANDLE> files;
  for (int i = 0; i < 64; ++i) {
    files.push_back(CreateFileA((own + std::to_string(i)).c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, CREATE_NEW,
                                0, nullptr));
  }
  whydrop_conn_close(OpenTcp(), WHYDROP_CLOSE_NORMAL);
  if (whydrop_flush(20000) != WHYDROP_OK) return 94;
  for (const HANDLE file : files) {
    if (GetFileSize(file, nullptr) != 0) return 95;
  }
  Child::Die();
}

TEST_CASE("a game that closes all handles costs the SDK neither its life nor its peace") {
  TempDir dir;
  Child child = Child::InRole("closes_all_handles", {dir.path()});
  const std::string said = child.ReadAll();
  CAPTURE(said);
  CHECK(child.Wait() == 1);  // as it killed itself
  const std::vector<std::string> rings = dir.Files(".ring");
  REQUIRE(rings.size() == 1);
  const LeftRing left = ReadLeftRing(rings[0]);
  CHECK_FALSE(left.damaged());
  CHECK(left.report.end.cause == WHYDROP_CAUSE_CLIENT_KILLED);
  CHECK(left.report.open_connections == 1);
}

CHILD_ROLE(frees_the_library) {
  const Plugin plugin;
  Started config(arguments.at(0));
  if (ReplaceImport("_beginthreadex", NoThread, plugin.library) == nullptr) return 90;
  if (plugin.Get(&whydrop_start, "whydrop_start")(&config.config) == WHYDROP_OK) return 91;
  FreeLibrary(plugin.library);
  return GetModuleHandleA(WHYDROP_SHARED) == nullptr ? 92 : 0;
}

TEST_CASE("a start that fails leaves the library where its handlers may still point to") {
  TempDir dir;
  CHECK(Child::InRole("frees_the_library", {dir.path()}).Wait() == 0);
  CHECK(dir.Files(".ring").empty());
}

CHILD_ROLE(loads_at_the_start) {
  const auto asks_network = [] { return GetModuleHandleW(L"iphlpapi.dll") != nullptr; };
  if (asks_network()) return 90;
  Started session(arguments.at(0));
  session.config.flags |= WHYDROP_FLAG_NO_NETWORK_WATCH;
  if (session.Start() != WHYDROP_OK) return 91;
  return asks_network() ? 0 : 92;
}

TEST_CASE("what asks the system about sockets is loaded by the start, not by a recording call") {
  TempDir dir;
  CHECK(Child::InRole("loads_at_the_start", {dir.path()}).Wait() == 0);
}

int main(int argc, char** argv) {
  int exit_code = 0;
  if (PlayChildRole(argc, argv, &exit_code)) return exit_code;
  return doctest::Context(argc, argv).run();
}
