// Dead rings become batches exactly once, wherever the harvest is killed and whoever else harvests.
#include "upload/harvest.h"

#include <cstdlib>
#include <map>

#include "fixture.h"
#include "support/child.h"
#include "upload/uploader.h"

using namespace whydrop;
namespace fs = std::filesystem;

static HarvestConfig ConfigOf(const std::string& directory) {
  HarvestConfig config;
  config.directory = directory;
  config.machine_hash.fill(5);
  return config;
}

static HarvestResult HarvestIn(const std::string& directory) {
  return HarvestRings(ConfigOf(directory), Outbox(directory, {}));
}

static HarvestResult Harvest(const StateDirectory& state) { return HarvestIn(state.path); }

static std::string RingName(const TestRing& ring) { return SessionHex(ring.identity.session_id) + ".ring"; }

// The ring of a session that died with `connections` records and one connection open.
static std::string LeaveDeadRing(const StateDirectory& state, int connections, uint64_t pid = kDeadPid) {
  TestRing ring(state.path, WHYDROP_ROLE_CLIENT, pid);
  for (int i = 0; i < connections; ++i) ring.End(ring.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
  ring.Open();
  ring.storage.Retire();
  return RingName(ring);
}

// Name to contents of every batch, without the times that are taken from the clock of the harvest.
static std::map<std::string, std::string> Batches(const StateDirectory& state) {
  std::map<std::string, std::string> batches;
  for (const Outbox::Entry& entry : Outbox(state.path, {}).List()) batches[entry.name] = state.Read(entry.name);
  return batches;
}

TEST_CASE("a dead ring becomes batches, a living one stays") {
  StateDirectory state;
  LeaveDeadRing(state, 3);
  TestRing other(state.path, WHYDROP_ROLE_CLIENT, kDeadPid);  // held open by this process
  const HarvestResult result = Harvest(state);
  CHECK(result.any);
  CHECK(result.last_report.end.cause == WHYDROP_CAUSE_CLIENT_KILLED);
  CHECK(result.last_report.open_connections == 1);
  CHECK(state.Count(".batch") == 1);
  CHECK(state.Count(".ring") == 1);
  CHECK(state.Count(".end") == 0);
  CHECK(fs::exists(state.path + "/" + RingName(other)));
}

namespace {

// A finished ring of the process, which holds neither lock nor descriptor of it.
void LeaveRingOf(const StateDirectory& state, const platform::ProcessIdentity& process) {
  TestRing ring(state.path, WHYDROP_ROLE_CLIENT, process.pid);
  RingIdentity identity = ring.identity;
  identity.process_start = process.start_time;
  std::memset(ring.storage.data(), 0, ring.storage.size());
  const RingLayout layout = ring.writer.layout();
  ring.writer.Format(&ring.storage, layout, identity);
  ring.storage.Retire();
}

}  // namespace

CHILD_ROLE(tells_its_start) {
  Child::Tell(std::to_string(platform::CurrentProcess().start_time));
  Child::AwaitParent();
  return 0;
}

TEST_CASE("a ring whose process runs is alive even when its lock is free") {
  StateDirectory state;
  Child child = Child::InRole("tells_its_start", {});
  platform::ProcessIdentity process = platform::CurrentProcess();
  process.pid = child.pid();
  process.start_time = std::stoull(child.ReadLine());
  LeaveRingOf(state, process);
  CHECK_FALSE(Harvest(state).any);
  CHECK(state.Count(".ring") == 1);
  child.CloseInput();
  CHECK(child.Wait() == 0);
  CHECK(Harvest(state).any);
  CHECK(state.Count(".ring") == 0);
}

TEST_CASE("a session that this very process stopped is harvested without waiting for its end") {
  StateDirectory state;
  LeaveRingOf(state, platform::CurrentProcess());
  CHECK(Harvest(state).any);
  CHECK(state.Count(".ring") == 0);
}

TEST_CASE("another machine's ring is left alone for a day") {
  StateDirectory state;
  const std::string name = LeaveDeadRing(state, 1);
  HarvestConfig config = ConfigOf(state.path);
  config.machine_hash.fill(6);
  CHECK_FALSE(HarvestRings(config, Outbox(state.path, {})).any);
  fs::last_write_time(state.path + "/" + name, fs::file_time_type::clock::now() - std::chrono::hours(25));
  CHECK(HarvestRings(config, Outbox(state.path, {})).any);
}

static void MakeOld(const StateDirectory& state, const std::string& name, int hours) {
  fs::last_write_time(state.path + "/" + name, fs::file_time_type::clock::now() - std::chrono::hours(hours));
}

TEST_CASE("what nobody will read is removed in time: foreign versions and damaged files after 30 days, others sooner") {
  StateDirectory state;
  const std::string name = LeaveDeadRing(state, 1);
  std::string foreign = state.Read(name);
  foreign[8] = 99;
  fs::remove(state.path + "/" + name);
  for (const char* file : {"old.ring", "young.ring"}) state.Write(file, foreign);
  for (const char* file : {"old.ring.bad", "young.ring.bad", "old.tmp", "young.tmp", "orphan.end"})
    state.Write(file, "");
  for (const char* file : {"old.ring", "old.ring.bad"}) MakeOld(state, file, 30 * 24 + 1);
  for (const char* file : {"young.ring", "young.ring.bad"}) MakeOld(state, file, 30 * 24 - 1);
  MakeOld(state, "old.tmp", 25);
  MakeOld(state, "young.tmp", 23);
  CHECK(Harvest(state).rings_corrupt == 0);
  for (const char* file : {"old.ring", "old.ring.bad", "old.tmp", "orphan.end"}) {
    CAPTURE(file);
    CHECK_FALSE(fs::exists(state.path + "/" + file));
  }
  for (const char* file : {"young.ring", "young.ring.bad", "young.tmp"}) {
    CAPTURE(file);
    CHECK(fs::exists(state.path + "/" + file));
  }
}

TEST_CASE("damaged rings are moved aside once and counted, and at most eight are kept") {
  StateDirectory state;
  for (int i = 0; i < 11; ++i) state.Write("damaged" + std::to_string(i) + ".ring", "not a ring at all");
  std::error_code no_links;  // making one needs a privilege on Windows
  fs::create_symlink("/etc/passwd", state.path + "/link.ring", no_links);
  if (no_links) MESSAGE("without a symbolic link, which this user may not make");
  state.Write("large.ring", std::string(5000, 'x'));
  fs::resize_file(state.path + "/large.ring", uint64_t{65} << 20);
  CHECK(Harvest(state).rings_corrupt == 12);
  CHECK(Harvest(state).rings_corrupt == 0);
  CHECK(state.Count(".bad") == 8);
  CHECK((no_links || fs::is_symlink(state.path + "/link.ring")));
  CHECK(state.Count(".batch") == 0);
  CHECK((no_links || fs::exists("/etc/passwd")));
}

TEST_CASE("a ring that is just being made is left alone") {
  StateDirectory state;
  state.Write("young.ring", std::string(65536, '\0'));
  CHECK(Harvest(state).rings_corrupt == 0);
  CHECK(state.Count(".ring") == 1);
  fs::last_write_time(state.path + "/young.ring", fs::file_time_type::clock::now() - std::chrono::minutes(2));
  CHECK(Harvest(state).rings_corrupt == 1);
}

static int steps_left = 0;

static void DieAtStep(int) {
  if (--steps_left == 0) std::_Exit(42);
}

CHILD_ROLE(harvests_and_dies) {
  steps_left = std::stoi(arguments.at(1));
  upload_step_hook = DieAtStep;
  HarvestIn(arguments.at(0));
  return 0;
}

// Harvests in a child that dies at its n-th step. False: it was done before.
static bool HarvestAndDie(const StateDirectory& state, int n) {
  const int64_t code = Child::InRole("harvests_and_dies", {state.path, std::to_string(n)}).Wait();
  REQUIRE((code == 0 || code == 42));
  return code == 42;
}

// A server that died between the intent of its second rotation and its end, with enough records for several parts.
static void LeaveUnfinishedSeal(const StateDirectory& state) {
  TestRing ring(state.path, WHYDROP_ROLE_SERVER, kDeadPid, 4 << 20);
  uint64_t from = 0, to = 0;
  uint32_t rotation = 0;
  ring.End(ring.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
  REQUIRE(ring.writer.BeginSeal(&from, &to, &rotation));
  ring.writer.FinishSeal({});
  for (int i = 0; i < 2500; ++i) ring.End(ring.Open(), WHYDROP_CAUSE_PATH_TIMEOUT);
  REQUIRE(ring.writer.BeginSeal(&from, &to, &rotation));
  for (int i = 0; i < 10; ++i) ring.End(ring.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
  ring.Open();
  ring.storage.Retire();
}

TEST_CASE("killed at every step, a harvest leaves exactly the batches of one that was not") {
  StateDirectory pristine;
  LeaveDeadRing(pristine, 5);
  LeaveUnfinishedSeal(pristine);
  StateDirectory expected;
  expected.CopyFrom(pristine);
  Harvest(expected);
  const size_t batches = expected.Count(".batch");
  CHECK(batches >= 4);
  int deaths = 0;
  for (int n = 1;; ++n) {
    CAPTURE(n);
    StateDirectory state;
    state.CopyFrom(pristine);
    if (!HarvestAndDie(state, n)) break;
    ++deaths;
    const std::map<std::string, std::string> before = Batches(state);
    Harvest(state);
    const std::map<std::string, std::string> after = Batches(state);
    CHECK(after.size() == batches);
    for (const auto& batch : Batches(expected)) CHECK(after.count(batch.first) == 1);
    for (const auto& batch : before) CHECK(after.at(batch.first) == batch.second);
    CHECK(state.Count(".ring") == 0);
    CHECK(state.Count(".end") == 0);
    HarvestResult again = Harvest(state);
    CHECK_FALSE(again.any);
    CHECK(Batches(state) == after);
  }
  CHECK(deaths >= 12);
}

TEST_CASE("harvesters in several processes at once leave each ring's batches once") {
  StateDirectory state;
  for (int i = 0; i < 12; ++i) LeaveDeadRing(state, 2);
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i) children.push_back(Child::InRole("harvests_and_dies", {state.path, "0"}));
  for (Child& child : children) CHECK(child.Wait() == 0);
  CHECK(state.Count(".batch") == 12);
  CHECK(state.Count(".ring") == 0);
  CHECK(state.Count(".bad") == 0);
}

static void TellAndWait(int step) {
  if (step != 1) return;
  Child::Tell("busy");
  Child::AwaitParent();
}

CHILD_ROLE(harvests_when_told) {
  upload_step_hook = TellAndWait;
  HarvestIn(arguments.at(0));
  return 0;
}

TEST_CASE("a ring that another process is just harvesting is told to be left, until it is done") {
  StateDirectory state;
  LeaveDeadRing(state, 2);
  Child other = Child::InRole("harvests_when_told", {state.path});
  REQUIRE(other.ReadLine() == "busy");
  const HarvestResult during = Harvest(state);
  CHECK(during.rings_left == 1);
  CHECK_FALSE(during.any);
  other.CloseInput();
  CHECK(other.Wait() == 0);
  CHECK(Harvest(state).rings_left == 0);
  CHECK(state.Count(".batch") == 1);
}

TEST_CASE("at most 64 rings are harvested at once, and that there are more is told") {
  StateDirectory state;
  for (int i = 0; i < 66; ++i) LeaveDeadRing(state, 0);
  CHECK(Harvest(state).rings_left == 1);
  CHECK(state.Count(".ring") == 2);
  CHECK(Harvest(state).rings_left == 0);
  CHECK(state.Count(".ring") == 0);
  CHECK(state.Count(".batch") == 66);
}

TEST_CASE("a server seals what ended, and its next rotation tells only what came later") {
  StateDirectory state;
  TestRing own(state.path, WHYDROP_ROLE_SERVER, platform::CurrentProcess().pid, 4 << 20);
  UploadConfig config;
  config.directory = state.path;
  config.role = WHYDROP_ROLE_SERVER;
  Uploader uploader(config, &own.writer);
  own.End(own.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
  const ConnectionRef open = own.Open();
  CHECK(uploader.Seal());
  CHECK(state.Count(".batch") == 1);
  CHECK(own.writer.Live(open) != nullptr);
  own.End(open, WHYDROP_CAUSE_SERVER_CLOSE);
  CHECK(uploader.Seal());
  CHECK(state.Count("-1-0.batch") == 1);
  CHECK(uploader.counters().waiting == 2);
}

TEST_CASE("denied consent removes outbox and dead rings, never a living one") {
  StateDirectory state;
  LeaveDeadRing(state, 1);
  Harvest(state);
  LeaveDeadRing(state, 1);
  TestRing living(state.path, WHYDROP_ROLE_CLIENT, kDeadPid);
  Uploader::EraseAll(state.path, {});
  CHECK(state.Count(".batch") == 0);
  CHECK(state.Count(".ring") == 1);
  CHECK(fs::exists(state.path + "/" + RingName(living)));
}
