// The N-th system call, or the N-th allocation, of a harvest, of a server's rotations and of a whole launch fails, for
// N = 1 until none is left. The SDK degrades, and the next launch tells every connection exactly once all the same.
#include "faults.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <set>
#include <vector>

#include "fixture.h"
#include "known.h"
#include "platform/process.h"
#include "upload/harvest.h"
#include "upload/uploader.h"
#include "whydrop/whydrop.h"

using namespace whydrop;
namespace fs = std::filesystem;

namespace {

// What fails: one call with one error, everything from one call on (a full or dead disk), or an allocation.
struct Kind {
  std::string name;
  Fault* fault;
  bool lasting;
  int error;
};
const Kind kKinds[] = {{"one call, input/output error", &g_calls, false, EIO},
                       {"one call, no space", &g_calls, false, ENOSPC},
                       {"every call from there on", &g_calls, true, ENOSPC},
                       {"no more descriptors", &g_calls, true, EMFILE},
                       {"one allocation", &g_allocations, false, 0},
                       {"every allocation from there on", &g_allocations, true, 0}};

// Runs `body` in a child with the n-th one failing. False: there were not so many.
template <typename Body>
bool WithFault(const Kind& kind, int n, Body body) {
  const pid_t child = fork();
  if (child == 0) {
    kind.fault->Arm(n, kind.lasting, kind.error);
    try {
      body(kind.fault);
    } catch (const std::bad_alloc&) {
      // As the worker does: it ends, and the game goes on.
    }
    kind.fault->Disarm();
    _exit(kind.fault->struck() ? 42 : 43);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CAPTURE(status);
  REQUIRE(WIFEXITED(status));
  REQUIRE((WEXITSTATUS(status) == 42 || WEXITSTATUS(status) == 43));
  return WEXITSTATUS(status) == 42;
}

// Calls trial(kind, n), which says whether anything failed, for every kind and every n until there is nothing left to
// fail.
template <typename Trial>
void FailEverywhere(Trial trial) {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    int n = 0;
    for (bool struck = true; struck;) {
      ++n;
      CAPTURE(n);
      struck = trial(kind, n);
    }
    CHECK(n > 20);
  }
}

HarvestResult Harvest(const StateDirectory& state) {
  HarvestConfig config;
  config.directory = state.path;
  config.machine_hash.fill(5);
  return HarvestRings(config, Outbox(state.path, {}));
}

std::set<std::string> Batches(const StateDirectory& state) {
  std::set<std::string> names;
  for (const Outbox::Entry& entry : Outbox(state.path, {}).List()) names.insert(entry.name);
  return names;
}

constexpr int kConnections = 30;

// A server whose rotations meet the fault: 15 of its connections end.
void Serve(const StateDirectory& state, Fault* fault, int n, const Kind& kind) {
  fault->Disarm();
  TestRing ring(state.path, WHYDROP_ROLE_SERVER, platform::CurrentProcess().pid, 1 << 20);
  UploadConfig config;
  config.directory = state.path;
  config.role = WHYDROP_ROLE_SERVER;
  Uploader uploader(config, &ring.writer);
  std::vector<ConnectionRef> refs;
  for (int i = 0; i < kConnections; ++i) refs.push_back(ring.Open());
  fault->Arm(n, kind.lasting, kind.error);
  for (int rotation = 0; rotation < 3; ++rotation) {
    for (int i = 0; i < 5; ++i) ring.End(refs[rotation * 5 + i], WHYDROP_CAUSE_SERVER_CLOSE);
    try {
      (void)uploader.Seal();
    } catch (const std::bad_alloc&) {
    }
  }
}

}  // namespace

TEST_CASE("a harvest in which anything fails is made good by the next one") {
  StateDirectory pristine("/dev/shm");
  for (int i = 0; i < 2; ++i) {
    TestRing ring(pristine.path, WHYDROP_ROLE_CLIENT, kDeadPid);
    for (int n = 0; n < 5; ++n) ring.End(ring.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
    ring.Open();
    ring.storage.Retire();
  }
  StateDirectory peaceful("/dev/shm");
  fs::copy(pristine.path, peaceful.path);
  Harvest(peaceful);
  const std::set<std::string> expected = Batches(peaceful);
  REQUIRE(expected.size() == 2);
  FailEverywhere([&](const Kind& kind, int n) {
    StateDirectory state("/dev/shm");
    fs::copy(pristine.path, state.path);
    const auto harvest = [&state](Fault* fault) {
      const uint64_t left = Harvest(state).rings_left;
      fault->Disarm();
      if (left == 0 && state.Count(".ring") != 0) _exit(44);  // a flush would say that all is sent
    };
    const bool struck = WithFault(kind, n, harvest);
    Harvest(state);
    CHECK(Batches(state) == expected);
    CHECK(state.Count(".ring") == 0);
    CHECK(state.Count(".bad") == 0);
    return struck;
  });
}

TEST_CASE("rotations in which anything fails, and the harvest of that server, tell every connection once") {
  FailEverywhere([](const Kind& kind, int n) {
    StateDirectory state("/dev/shm");
    const bool struck = WithFault(kind, n, [&](Fault* fault) { Serve(state, fault, n, kind); });
    Harvest(state);
    const Known known(state);
    CHECK(known.tellings.size() == kConnections / 2);
    for (const auto& telling : known.tellings) CHECK(telling.second == 1);
    CHECK(known.open.size() == kConnections);
    CHECK(known.sessions.rbegin()->first + 1 == known.sessions.size());
    CHECK(known.sessions.rbegin()->second.end() == WHYDROP_CAUSE_CLIENT_KILLED);
    return struck;
  });
}

TEST_CASE("a launch in which anything fails costs the game nothing") {
  FailEverywhere([](const Kind& kind, int n) {
    StateDirectory state("/dev/shm");
    return WithFault(kind, n, [&](Fault* fault) {
      whydrop_config config;
      WHYDROP_CONFIG_INIT(&config);
      config.app_id = "sample.game";
      config.app_version = "1.2.3";
      config.state_dir = state.path.c_str();
      const whydrop_result started = whydrop_start(&config);
      whydrop_conn_info info = {sizeof info, WHYDROP_TCP, "gate-1", "token", nullptr, nullptr, 0};
      const whydrop_conn conn = whydrop_conn_open(&info);
      whydrop_conn_connected(conn, WHYDROP_NO_SOCKET);
      whydrop_set_tag("map", "castle");
      whydrop_heartbeat();
      whydrop_conn_failed(conn, WHYDROP_OP_RECV, ECONNRESET);
      const whydrop_cause cause = whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
      (void)whydrop_flush(100);
      whydrop_stop();
      // Where there is room for a session, it records, whatever else there was no room for; otherwise it leaves
      // nothing.
      if (started == WHYDROP_OK && cause == WHYDROP_CAUSE_UNKNOWN) _exit(44);
      fault->Disarm();
      const bool left = StateDirectory::CountIn(state.path + "/sample.game", ".ring") != 0;
      if (started != WHYDROP_OK && left && kind.fault == &g_allocations) _exit(45);
    });
  });
}
