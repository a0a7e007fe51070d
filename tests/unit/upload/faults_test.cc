// The N-th system call, or the N-th allocation, of a harvest, of a server's rotations and of a whole launch fails, for
// N = 1 until none is left. The SDK degrades, and the next launch tells every connection exactly once all the same.
#include "faults.h"

#include <cstdlib>
#include <iterator>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <vector>

#include "fixture.h"
#include "known.h"
#include "platform/process.h"
#include "support/child.h"
#include "support/net.h"
#include "upload/harvest.h"
#include "upload/uploader.h"
#include "whydrop/whydrop.h"

using namespace whydrop;

namespace {

// What fails: one call with one error, everything from one call on (a full or dead disk), or an allocation.
struct Kind {
  std::string name;
  Fault* fault;
  bool lasting;
  int error;
};
const Kind kKinds[] = {{"one call, input/output error", &g_calls, false, kDeviceError},
                       {"one call, no space", &g_calls, false, kNoSpace},
                       {"every call from there on", &g_calls, true, kNoSpace},
                       {"no more files", &g_calls, true, kTooManyOpen},
                       {"one allocation", &g_allocations, false, 0},
                       {"every allocation from there on", &g_allocations, true, 0}};

// From one N to the next. Where processes start slowly each kind takes every fourth, and another fourth than the other
// kinds, so that every call still fails in one way.
int Step() {
#ifdef WHYDROP_SLOW_BUILD
  return std::getenv("WHYDROP_TEST_FULL") != nullptr ? 1 : 4;
#else
  return 1;
#endif
}

// A child's part. Runs `body(directory, kind, n)` with the n-th one failing in the first directory, the next in the
// second, and so on. Returns in how many it did; fewer than there are directories: there was no N-th one any more.
template <typename Body>
int MeetFaults(const ChildArguments& arguments, Body body) {
  const Kind& kind = kKinds[std::stoul(arguments.at(0))];
  const int first = std::stoi(arguments.at(1));
  int struck = 0;
  for (size_t i = 2; i < arguments.size(); ++i) {
    const int n = first + struck * Step();
    kind.fault->Arm(n, kind.lasting, kind.error);
    try {
      body(arguments[i], kind, n);
    } catch (const std::bad_alloc&) {
      // As the worker does: it ends, and the game goes on.
    }
    kind.fault->Disarm();
    if (!kind.fault->struck()) break;
    ++struck;
  }
  return struck;
}

// One kind's way through all N: a child at a time.
struct Course {
  size_t kind;
  int n;
  std::vector<std::unique_ptr<StateDirectory>> states;
  std::optional<Child> child;
};

// Lets children play the role, each with `batch` directories made by `prepare`, and calls `check` with every directory
// in which something failed: for every kind, for N = 1 until none is left. The kinds run side by side.
template <typename Prepare, typename Check>
void ForEveryFault(const char* role, int batch, Prepare prepare, Check check) {
  if (Step() != 1) MESSAGE("every 4th call fails in each kind: the system that this runs on starts processes slowly");
  std::list<Course> courses;
  for (size_t kind = 0; kind < std::size(kKinds); ++kind) {
    courses.push_back({kind, 1 + static_cast<int>(kind) % Step(), {}, std::nullopt});
  }
  while (!courses.empty()) {
    for (Course& course : courses) {
      ChildArguments arguments = {std::to_string(course.kind), std::to_string(course.n)};
      course.states.clear();
      for (int i = 0; i < batch; ++i) {
        course.states.push_back(std::make_unique<StateDirectory>(TestDirectory::InMemory()));
        prepare(*course.states.back());
        arguments.push_back(course.states.back()->path);
      }
      course.child.emplace(Child::InRole(role, arguments));
    }
    for (Course& course : courses) {
      const std::string said = course.child->ReadAll();
      const int64_t struck = course.child->Wait();
      CAPTURE(kKinds[course.kind].name);
      CAPTURE(said);
      CAPTURE(course.n);
      REQUIRE(struck >= 0);
      REQUIRE(struck <= batch);
      for (int i = 0; i < struck; ++i) {
        const int failed = course.n + i * Step();
        CAPTURE(failed);
        check(*course.states[static_cast<size_t>(i)]);
      }
      course.n += static_cast<int>(struck) * Step();
      if (struck == batch) continue;
      CHECK(course.n > 20);
      course.kind = std::size(kKinds);  // done
    }
    courses.remove_if([](const Course& course) { return course.kind == std::size(kKinds); });
  }
}

HarvestResult Harvest(const std::string& directory) {
  HarvestConfig config;
  config.directory = directory;
  config.machine_hash.fill(5);
  return HarvestRings(config, Outbox(directory, {}));
}

std::set<std::string> Batches(const StateDirectory& state) {
  std::set<std::string> names;
  for (const Outbox::Entry& entry : Outbox(state.path, {}).List()) names.insert(entry.name);
  return names;
}

constexpr int kConnections = 30;

// A server whose rotations meet the fault: 15 of its connections end.
void Serve(const std::string& directory, const Kind& kind, int n) {
  kind.fault->Disarm();
  TestRing ring(directory, WHYDROP_ROLE_SERVER, platform::CurrentProcess().pid, 1 << 20);
  UploadConfig config;
  config.directory = directory;
  config.role = WHYDROP_ROLE_SERVER;
  Uploader uploader(config, &ring.writer);
  std::vector<ConnectionRef> refs;
  for (int i = 0; i < kConnections; ++i) refs.push_back(ring.Open());
  kind.fault->Arm(n, kind.lasting, kind.error);
  for (int rotation = 0; rotation < 3; ++rotation) {
    for (int i = 0; i < 5; ++i) ring.End(refs[rotation * 5 + i], WHYDROP_CAUSE_SERVER_CLOSE);
    try {
      (void)uploader.Seal();
    } catch (const std::bad_alloc&) {
    }
  }
  kind.fault->Disarm();
}

void Play(const std::string& directory, const Kind& kind, int) {
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "sample.game";
  config.app_version = "1.2.3";
  config.state_dir = directory.c_str();
  const whydrop_result started = whydrop_start(&config);
  whydrop_conn_info info = {sizeof info, WHYDROP_TCP, "gate-1", "token", nullptr, nullptr, 0};
  const whydrop_conn conn = whydrop_conn_open(&info);
  whydrop_conn_connected(conn, WHYDROP_NO_SOCKET);
  whydrop_set_tag("map", "castle");
  whydrop_heartbeat();
  whydrop_conn_failed(conn, WHYDROP_OP_RECV, net::kConnectionReset);
  const whydrop_cause cause = whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
  (void)whydrop_flush(100);
  whydrop_stop();
  kind.fault->Disarm();
  // Where there is room for a session, it records, whatever else there was no room for; otherwise it leaves nothing.
  REQUIRE((started != WHYDROP_OK || cause != WHYDROP_CAUSE_UNKNOWN));
  const bool left = StateDirectory::CountIn(directory + "/sample.game", ".ring") != 0;
  REQUIRE((started == WHYDROP_OK || !left || kind.fault != &g_allocations));
}

}  // namespace

CHILD_ROLE(harvests_with_faults) {
  return MeetFaults(arguments, [](const std::string& directory, const Kind& kind, int) {
    const uint64_t left = Harvest(directory).rings_left;
    kind.fault->Disarm();
    size_t rings = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      rings += entry.path().extension() == ".ring";
    REQUIRE((left != 0 || rings == 0));  // or else a flush would say that all is sent
  });
}

CHILD_ROLE(serves_with_faults) { return MeetFaults(arguments, Serve); }

CHILD_ROLE(plays_with_faults) { return MeetFaults(arguments, Play); }

TEST_CASE("a harvest in which anything fails is made good by the next one") {
  const StateDirectory pristine(TestDirectory::InMemory());
  for (int i = 0; i < 2; ++i) {
    TestRing ring(pristine.path, WHYDROP_ROLE_CLIENT, kDeadPid);
    for (int n = 0; n < 5; ++n) ring.End(ring.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
    ring.Open();
    ring.storage.Retire();
  }
  const StateDirectory peaceful(TestDirectory::InMemory());
  peaceful.CopyFrom(pristine);
  Harvest(peaceful.path);
  const std::set<std::string> expected = Batches(peaceful);
  REQUIRE(expected.size() == 2);
  ForEveryFault(
      "harvests_with_faults", 16, [&pristine](const StateDirectory& state) { state.CopyFrom(pristine); },
      [&expected](const StateDirectory& state) {
        Harvest(state.path);
        CHECK(Batches(state) == expected);
        CHECK(state.Count(".ring") == 0);
        CHECK(state.Count(".bad") == 0);
      });
}

TEST_CASE("rotations in which anything fails, and the harvest of that server, tell every connection once") {
  ForEveryFault(
      "serves_with_faults", 16, [](const StateDirectory&) {},
      [](const StateDirectory& state) {
        Harvest(state.path);
        const Known known(state);
        CHECK(known.tellings.size() == kConnections / 2);
        for (const auto& telling : known.tellings) CHECK(telling.second == 1);
        CHECK(known.open.size() == kConnections);
        REQUIRE_FALSE(known.sessions.empty());
        CHECK(known.sessions.rbegin()->first + 1 == known.sessions.size());
        CHECK(known.sessions.rbegin()->second.end() == WHYDROP_CAUSE_CLIENT_KILLED);
      });
}

// A process for each: what a process makes once fails in its turn too.
TEST_CASE("a launch in which anything fails costs the game nothing") {
  ForEveryFault(
      "plays_with_faults", 1, [](const StateDirectory&) {}, [](const StateDirectory&) {});
}
