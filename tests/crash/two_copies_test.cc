// Two copies of the SDK in one process, as when the engine brings one and a plugin another: this program is linked with
// the static library and loads the shared one. Both use the same state directory.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include <csignal>
#include <cstdlib>
#include <string>

#include "../unit/session/session_fixture.h"
#include "left_ring.h"
#include "support/child.h"

using whydrop_test::LeftRing;
using whydrop_test::OpenTcp;
using whydrop_test::ReadLeftRing;
using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

#ifdef _WIN32
constexpr uint32_t kFault = 0xC0000005;
void* Load(const char* name) { return reinterpret_cast<void*>(LoadLibraryA(name)); }
void* Find(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}
#else
constexpr uint32_t kFault = SIGSEGV;
void* Load(const char* name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
void* Find(void* library, const char* name) { return dlsym(library, name); }
#endif

// The functions of the loaded copy.
struct Plugin {
  void* library = Load(WHYDROP_SHARED);
  template <typename Function>
  Function* Get(Function*, const char* name) const {
    return reinterpret_cast<Function*>(Find(library, name));
  }
};
#define WHYDROP_IN_PLUGIN(plugin, function) ((plugin).Get(&(function), #function))

int Die(const std::string& way) {
  if (way == "exit") std::exit(3);
  if (way == "kill") Child::Die();
  int* volatile nowhere = nullptr;
  *const_cast<volatile int*>(nowhere) = 1;
  return 97;
}

// How a child without any copy ends.
int64_t EndWithout(const char* way) { return Child::InRole("dies_without", {way}).Wait(); }

int64_t EndWithBoth(const char* way, const TempDir& dir) {
  Child child = Child::InRole("dies_with_both", {way, dir.path()});
  const std::string said = child.ReadAll();
  CAPTURE(said);
  return child.Wait();
}

void CheckBothRings(const TempDir& dir, int32_t end, uint32_t code) {
  CHECK(dir.Files(".batch").empty());
  CHECK(dir.Files(".bad").empty());
  const std::vector<std::string> rings = dir.Files(".ring");
  REQUIRE(rings.size() == 2);
  uint32_t open = 0;
  for (const std::string& path : rings) {
    const LeftRing left = ReadLeftRing(path);
    CHECK_FALSE(left.damaged());
    CHECK(left.report.end.cause == end);
    CHECK(left.ring.life.crash.code == code);
    open += left.report.open_connections;
    CHECK(left.report.open_connections != 0);
  }
  CHECK(open == 3);
}

}  // namespace

CHILD_ROLE(dies_without) { return Die(arguments.at(0)); }

CHILD_ROLE(dies_with_both) {
  const Plugin plugin;
  if (plugin.library == nullptr) return 90;
  if (WHYDROP_IN_PLUGIN(plugin, whydrop_start) == &whydrop_start) return 91;  // one copy only
  static Started session(arguments.at(1));
  if (session.Start() != WHYDROP_OK) return 92;
  if (WHYDROP_IN_PLUGIN(plugin, whydrop_start)(&session.config) != WHYDROP_OK) return 93;
  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  if (OpenTcp() == 0) return 94;
  for (int i = 0; i < 2; ++i) {
    if (WHYDROP_IN_PLUGIN(plugin, whydrop_conn_open)(&info) == 0) return 95;
  }
  // Each looks for dead rings and must leave the other's alone.
  if (whydrop_flush(20000) != WHYDROP_OK) return 96;
  if (WHYDROP_IN_PLUGIN(plugin, whydrop_flush)(20000) != WHYDROP_OK) return 96;
  if (whydrop_flush(20000) != WHYDROP_OK) return 96;
  return Die(arguments.at(0));
}

TEST_CASE("two copies that end in order both say so") {
  TempDir dir;
  CHECK(EndWithBoth("exit", dir) == 3);
  CheckBothRings(dir, WHYDROP_CAUSE_CLEAN_EXIT, 0);
}

TEST_CASE("two copies both see the crash, and the process dies of it") {
  TempDir dir;
  CHECK(EndWithBoth("crash", dir) == EndWithout("crash"));
  CheckBothRings(dir, WHYDROP_CAUSE_CLIENT_CRASH, kFault);
}

TEST_CASE("two copies that are killed leave both rings to the next launch") {
  TempDir dir;
  CHECK(EndWithBoth("kill", dir) == EndWithout("kill"));
  CheckBothRings(dir, WHYDROP_CAUSE_CLIENT_KILLED, 0);
  Started next(dir.path());
  REQUIRE(next.Start() == WHYDROP_OK);
  CHECK(whydrop_flush(20000) == WHYDROP_OK);
  CHECK(dir.Files(".batch").size() == 2);
  CHECK(dir.Files(".ring").size() == 1);  // its own
}

int main(int argc, char** argv) {
  int exit_code = 0;
  if (PlayChildRole(argc, argv, &exit_code)) return exit_code;
  return doctest::Context(argc, argv).run();
}
