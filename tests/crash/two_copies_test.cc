// Two copies of the SDK in one process, as when the engine brings one and a plugin another: this program is linked with
// the static library and loads the shared one. Both use the same state directory.
#define DOCTEST_CONFIG_IMPLEMENT
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "../unit/session/session_fixture.h"
#include "respawn.h"

using whydrop_test::LeftRing;
using whydrop_test::OpenTcp;
using whydrop_test::ReadLeftRing;
using whydrop_test::Spawn;
using whydrop_test::Started;
using whydrop_test::TempDir;
using whydrop_test::Wait;

namespace {

// The functions of the loaded copy.
struct Plugin {
  void* library = dlopen(WHYDROP_SHARED, RTLD_NOW | RTLD_LOCAL);
  template <typename Function>
  Function* Get(Function*, const char* name) const {
    return reinterpret_cast<Function*>(dlsym(library, name));
  }
};
#define WHYDROP_IN_PLUGIN(plugin, function) ((plugin).Get(&(function), #function))

void Die(const std::string& way) {
  if (way == "exit") exit(3);
  if (way == "crash") raise(SIGSEGV);
  kill(getpid(), SIGKILL);
}

int RunChild(const std::string& way, const std::string& dir) {
  Plugin plugin;
  if (plugin.library == nullptr) return 90;
  if (WHYDROP_IN_PLUGIN(plugin, whydrop_start) == &whydrop_start) return 91;  // one copy only
  static Started session(dir);
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
  Die(way);
  return 97;
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

TEST_CASE("two copies that end in order both say so") {
  TempDir dir;
  const int status = Wait(Spawn({"--child", "exit", dir.path()}, -1));
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 3);
  CheckBothRings(dir, WHYDROP_CAUSE_CLEAN_EXIT, 0);
}

TEST_CASE("two copies both see the crash, and the process dies of it") {
  TempDir dir;
  const int status = Wait(Spawn({"--child", "crash", dir.path()}, -1));
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGSEGV);
  CheckBothRings(dir, WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV);
}

TEST_CASE("two copies that are killed leave both rings to the next launch") {
  TempDir dir;
  const int status = Wait(Spawn({"--child", "kill", dir.path()}, -1));
  CHECK(WIFSIGNALED(status));
  CheckBothRings(dir, WHYDROP_CAUSE_CLIENT_KILLED, 0);
  Started next(dir.path());
  REQUIRE(next.Start() == WHYDROP_OK);
  CHECK(whydrop_flush(20000) == WHYDROP_OK);
  CHECK(dir.Files(".batch").size() == 2);
  CHECK(dir.Files(".ring").size() == 1);  // its own
}

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--child") == 0) return RunChild(argv[2], argv[3]);
  doctest::Context context(argc, argv);
  return context.run();
}
