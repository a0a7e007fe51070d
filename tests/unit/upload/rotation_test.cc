// A running server's rotations: connections outlive them, nothing is told twice or not at all, wherever it is killed.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "fixture.h"
#include "known.h"
#include "platform/process.h"
#include "support/child.h"
#include "upload/batch_encoder.h"
#include "upload/harvest.h"
#include "upload/uploader.h"

using namespace whydrop;

struct Server {
  StateDirectory state;
  TestRing ring;
  Uploader uploader;

  static UploadConfig Config(const std::string& directory) {
    UploadConfig config;
    config.directory = directory;
    config.role = WHYDROP_ROLE_SERVER;
    return config;
  }
  explicit Server(uint64_t pid = platform::CurrentProcess().pid, size_t bytes = 4 << 20)
      : ring(state.path, WHYDROP_ROLE_SERVER, pid, bytes), uploader(Config(state.path), &ring.writer) {}

  // What `count` refused connections leave: the first four one by one, the others as a count.
  void Refuse(int count) {
    for (int i = 0; i < count; ++i) {
      ConnectionIdentity identity;
      identity.protocol = WHYDROP_TCP;
      std::strcpy(identity.endpoint, "gate-3");
      ring.writer.EndConnection(ring.writer.OpenConnection(identity), Evidence(), WHYDROP_CAUSE_CONNECT_REFUSED,
                                Confidence::kHigh);
    }
  }
};

TEST_CASE("open connections are told once, again with their token, and their end in a later rotation") {
  Server server;
  ConnectionIdentity nameless;
  nameless.protocol = WHYDROP_TCP;
  const ConnectionRef first = server.ring.writer.OpenConnection(nameless);
  const ConnectionRef second = server.ring.Open();
  CHECK(server.uploader.Seal());
  CHECK(server.uploader.Seal());
  {
    Known known(server.state);
    CHECK(known.open_told[0] == 2);
    CHECK(known.open_told[1] == 0);
    CHECK(known.sessions[1].connections_open() == 2);
    CHECK(known.sessions[1].end() == 0);
    CHECK(known.with_token.count(1) == 0);
  }
  std::array<uint8_t, kTokenHashBytes> hash{};
  hash.fill(9);
  CHECK(server.ring.writer.SetToken(first, true, hash));
  server.ring.End(second, WHYDROP_CAUSE_SERVER_CLOSE);
  CHECK(server.uploader.Seal());
  CHECK(server.ring.writer.Live(first) != nullptr);
  Known known(server.state);
  CHECK(known.open_told[2] == 1);
  CHECK(known.with_token.count(1) == 1);
  CHECK(known.open[1]);
  CHECK_FALSE(known.open[2]);
  CHECK(known.sessions[2].connections_open() == 1);
}

TEST_CASE("an open connection of a running server has no end, one of a dead server has the server's") {
  StateDirectory state;
  RingContents contents;
  TestRing ring(state.path, WHYDROP_ROLE_SERVER, kDeadPid);
  ring.Open();
  std::vector<uint8_t> copy(ring.storage.size());
  CopyLiveRing(ring.storage.data(), copy.size(), copy.data());
  REQUIRE(ReadRing(copy.data(), copy.size(), &contents).ok());
  const RingConnection& open = contents.connections.at(0);
  CHECK_FALSE(CompleteEvidence(contents, ReportRunningSession(contents, 5), open).Has(Field::session_end));
  HarvestFacts facts;
  facts.same_boot_known = facts.same_boot = true;
  CHECK(CompleteEvidence(contents, ReportSession(contents, facts), open).Get(Field::session_end) ==
        WHYDROP_CAUSE_CLIENT_KILLED);
}

TEST_CASE("a rotation in which nothing happened is a report all the same") {
  Server server;
  for (int i = 0; i < 3; ++i) CHECK(server.uploader.Seal());
  Known known(server.state);
  CHECK(known.sessions.size() == 3);
  CHECK(known.open.empty());
}

TEST_CASE("close totals of every rotation add up to the truth, whatever was sealed before") {
  Server server;
  server.Refuse(10);
  CHECK(server.uploader.Seal());
  CHECK(Known(server.state).totals[WHYDROP_CAUSE_CONNECT_REFUSED] == 6);
  CHECK(server.uploader.Seal());
  CHECK(Known(server.state).totals[WHYDROP_CAUSE_CONNECT_REFUSED] == 6);
  server.Refuse(7);
  server.ring.End(server.ring.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
  server.Refuse(5);
  CHECK(server.uploader.Seal());
  Known known(server.state);
  CHECK(known.totals[WHYDROP_CAUSE_CONNECT_REFUSED] + known.tellings.size() == 23);
  CHECK(known.totals.count(WHYDROP_CAUSE_SERVER_CLOSE) == 0);
}

TEST_CASE("ends that found the key ring full are told with the next rotation, once") {
  Server server(platform::CurrentProcess().pid, 64 << 10);
  const int count = 60;
  for (int i = 0; i < count; ++i) server.ring.End(server.ring.Open(), WHYDROP_CAUSE_SERVER_CLOSE);
  CHECK(server.ring.writer.NeedsSeal());
  CHECK(server.uploader.Seal());
  CHECK_FALSE(server.ring.writer.NeedsSeal());
  CHECK(server.uploader.Seal());
  Known known(server.state);
  for (const auto& telling : known.tellings) CHECK(telling.second == 1);
  CHECK(known.tellings.size() + known.totals[WHYDROP_CAUSE_SERVER_CLOSE] == count);
  CHECK(known.tellings.size() > server.ring.writer.layout().key_slots / 2);
}

TEST_CASE("connections that open and end on four threads during rotations are told exactly once") {
  Server server(platform::CurrentProcess().pid, 1 << 20);
  constexpr uint64_t kEach = 2000;
  std::atomic<int> running{4};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      ConnectionIdentity identity;
      identity.protocol = WHYDROP_TCP;
      identity.has_token = true;
      for (uint64_t i = 0; i < kEach; ++i) {
        const ConnectionRef ref = server.ring.writer.OpenConnection(identity);
        server.ring.writer.SetToken(ref, true, {1});
        server.ring.End(ref, WHYDROP_CAUSE_SERVER_CLOSE);
      }
      running.fetch_sub(1);
    });
  }
  while (running.load() != 0) CHECK(server.uploader.Seal());
  for (std::thread& thread : threads) thread.join();
  CHECK(server.uploader.Seal());
  Known known(server.state);
  for (const auto& telling : known.tellings) CHECK(telling.second == 1);
  CHECK(known.tellings.size() + known.totals[WHYDROP_CAUSE_SERVER_CLOSE] == 4 * kEach);
  CHECK(known.sessions.rbegin()->second.connections_open() == 0);
}

TEST_CASE("what a server gives up is counted in its own ring, and so told by its next report") {
  Server server;
  CHECK(server.uploader.Seal());
  const Outbox::Entry told = Outbox(server.state.path, {}).List().at(0);
  using Clock = std::filesystem::file_time_type::clock;
  const std::filesystem::path file = server.state.path + "/" + told.name;
  std::filesystem::last_write_time(file, Clock::now() - std::chrono::hours(8 * 24));
  server.state.Write("damaged.ring", std::string(5000, 'x'));
  server.uploader.Harvest();
  CHECK(server.ring.writer.LossCount(Loss::kBatchesDropped) == 1);
  CHECK(server.ring.writer.LossCount(Loss::kBytesDropped) == told.size_bytes);
  CHECK(server.ring.writer.LossCount(Loss::kRingsCorrupt) == 1);
  CHECK(server.uploader.counters().lost == 1);
  CHECK(server.uploader.Seal());
  CHECK(Known(server.state).losses.rbegin()->second.rings_corrupt() == 1);
  CHECK(Known(server.state).losses.rbegin()->second.batches_dropped() == 1);
}

static int steps_left = 0;

static void DieAtStep(int) {
  if (--steps_left == 0) std::_Exit(42);
}

// A server with connections that outlive its rotations; it dies at the n-th step, or behind the last one. Tells its
// parent how many connections have ended.
CHILD_ROLE(serves_and_dies) {
  const std::string& directory = arguments.at(0);
  TestRing ring(directory, WHYDROP_ROLE_SERVER, platform::CurrentProcess().pid, 4 << 20);
  steps_left = std::stoi(arguments.at(1));
  upload_step_hook = DieAtStep;
  Uploader uploader(Server::Config(directory), &ring.writer);
  uint32_t ended = 0;
  ConnectionRef refs[48];
  for (ConnectionRef& ref : refs) ref = ring.Open();
  for (int rotation = 0; rotation < 4; ++rotation) {
    for (int i = 0; i < 8; ++i) {
      ring.End(refs[rotation * 8 + i], WHYDROP_CAUSE_SERVER_CLOSE);
      ++ended;
      // Refused ones without a token: 4 one by one, the others as a count.
      ConnectionIdentity identity;
      identity.protocol = WHYDROP_TCP;
      ring.writer.EndConnection(ring.writer.OpenConnection(identity), Evidence(), WHYDROP_CAUSE_TLS_FAILED,
                                Confidence::kHigh);
      ++ended;
      Child::Tell(std::to_string(ended));
    }
    uploader.Seal();
    ring.End(refs[32 + rotation], WHYDROP_CAUSE_SERVER_CLOSE);
    ++ended;
    Child::Tell(std::to_string(ended));
  }
  std::_Exit(43);
}

TEST_CASE("killed at every step of its rotations, a server's connections are told exactly once") {
  int deaths = 0;
  for (int n = 1;; ++n) {
    CAPTURE(n);
    StateDirectory state;
    Child child = Child::InRole("serves_and_dies", {state.path, std::to_string(n)});
    uint32_t ended = 0;
    for (std::string line; !(line = child.ReadLine()).empty();) ended = static_cast<uint32_t>(std::stoul(line));
    const int64_t code = child.Wait();
    REQUIRE((code == 42 || code == 43));
    HarvestConfig config;
    config.directory = state.path;
    config.machine_hash.fill(5);
    CHECK(HarvestRings(config, Outbox(state.path, {})).any);
    Known known(state);
    uint64_t counted = 0, open = 0;
    for (const auto& total : known.totals) counted += total.second;
    for (const auto& telling : known.tellings) CHECK(telling.second == 1);
    for (const auto& connection : known.open) open += connection.second ? 1 : 0;
    CHECK(known.tellings.size() + counted == ended);
    CHECK(open == known.sessions.rbegin()->second.connections_open());
    CHECK(known.sessions.rbegin()->second.end() == WHYDROP_CAUSE_CLIENT_KILLED);
    // Rotations have no gap, and each is there whole.
    CHECK(known.sessions.rbegin()->first + 1 == known.sessions.size());
    if (code == 43) break;
    ++deaths;
  }
  CHECK(deaths >= 8);
}
