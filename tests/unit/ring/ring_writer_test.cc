#include "ring/ring_writer.h"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <thread>

#include "ring_fixture.h"
#include "support/test_directory.h"

namespace whydrop {
namespace {

Evidence SomeEvidence(bool established = true) {
  Evidence evidence;
  evidence.Set(Field::error_kind, 1);
  evidence.Set(Field::os_error, -104);
  evidence.Set(Field::established, established ? 1 : 0);
  evidence.Set(Field::bytes_sent, std::numeric_limits<int64_t>::max());
  evidence.Set(Field::hang_gap_ms, std::numeric_limits<int64_t>::min());
  return evidence;
}

TEST_CASE("events come back as they were recorded") {
  TestRing ring;
  CHECK(ring.writer.RecordKey(EventType::kFailed, 7, -1, std::numeric_limits<int64_t>::min()));
  CHECK(ring.writer.RecordFlow(EventType::kStalled, 8, 250, 3));
  const RingContents contents = ring.Read();
  REQUIRE(contents.events.size() == 2);
  const RingEvent& key = contents.events[0].key ? contents.events[0] : contents.events[1];
  CHECK(key.type == EventType::kFailed);
  CHECK(key.connection == 7);
  CHECK(key.a == -1);
  CHECK(key.b == std::numeric_limits<int64_t>::min());
  CHECK(key.at_ms >= 1);
  CHECK(contents.life.recorded == 2);
  CHECK(ring.writer.Recorded() == 2);
  CHECK(contents.identity.pid == 4711);
  CHECK(std::string(contents.identity.app_id) == "demo.game");
  CHECK(contents.damage.slots_damaged == 0);
}

TEST_CASE("the key ring fills and stops, and counts what it drops") {
  TestRing ring;
  const uint32_t slots = ring.writer.layout().key_slots;
  for (uint32_t i = 0; i < slots; ++i) CHECK(ring.writer.RecordKey(EventType::kOpened, i, 0, 0));
  for (uint32_t i = 0; i < 3 * slots; ++i) CHECK_FALSE(ring.writer.RecordKey(EventType::kClosed, i, 0, 0));
  const RingContents contents = ring.Read();
  REQUIRE(contents.events.size() == slots);
  for (const RingEvent& event : contents.events) CHECK(event.type == EventType::kOpened);
  CHECK(contents.life.losses[static_cast<size_t>(Loss::kEventsDropped)] == 3 * slots);
  CHECK(contents.life.recorded == slots);
}

TEST_CASE("the flow ring keeps the newest and counts what it overwrites") {
  TestRing ring;
  const uint32_t slots = ring.writer.layout().flow_slots;
  for (uint32_t i = 0; i < 5 * slots; ++i) CHECK(ring.writer.RecordFlow(EventType::kStalled, i, 0, 0));
  const RingContents contents = ring.Read();
  REQUIRE(contents.events.size() == slots);
  for (const RingEvent& event : contents.events) CHECK(event.connection >= 4 * slots);
  CHECK(contents.life.losses[static_cast<size_t>(Loss::kEventsOverwritten)] == 4 * slots);
  CHECK(ring.writer.LossCount(Loss::kEventsOverwritten) == 4 * slots);
}

TEST_CASE("an ended connection comes back with its identity, verdict and all its evidence") {
  TestRing ring;
  ConnectionIdentity id = TestConnection("gate-3");
  const ConnectionRef first = ring.writer.OpenConnection(id);
  id.previous = ring.writer.NumberOf(first);
  const ConnectionRef second = ring.writer.OpenConnection(id);
  CHECK(ring.writer.NumberOf(second) == 2);
  CHECK(ring.writer.EndConnection(second, SomeEvidence(), WHYDROP_CAUSE_SERVER_RESET, Confidence::kHigh));
  CHECK_FALSE(ring.writer.EndConnection(second, SomeEvidence(), WHYDROP_CAUSE_SERVER_RESET, Confidence::kHigh));
  CHECK(ring.writer.Live(second) == nullptr);
  const RingContents contents = ring.Read();
  REQUIRE(contents.connections.size() == 2);
  const RingConnection& ended = contents.connections[0];
  CHECK_FALSE(ended.open);
  CHECK(ended.identity.number == 2);
  CHECK(ended.identity.previous == 1);
  CHECK(ended.identity.protocol == WHYDROP_TCP);
  CHECK(ended.identity.has_token);
  CHECK(ended.identity.token_hash == id.token_hash);
  CHECK(std::string(ended.identity.endpoint) == "gate-3");
  CHECK(std::string(ended.identity.network) == "wifi");
  CHECK(ended.cause == WHYDROP_CAUSE_SERVER_RESET);
  CHECK(ended.confidence == Confidence::kHigh);
  CHECK(SameEvidence(ended.evidence, SomeEvidence()));
  CHECK(contents.connections[1].open);
  CHECK(contents.connections[1].identity.number == 1);
  REQUIRE(contents.totals.size() == 1);
  CHECK(contents.totals[0].endpoint == "gate-3");
  CHECK(contents.totals[0].count == 1);
}

TEST_CASE("evidence that does not fit is cut from its end and counted") {
  TestRing ring;
  Evidence evidence;
  for (int i = 1; i < kFieldLimit; ++i) evidence.Set(static_cast<Field>(i), std::numeric_limits<int64_t>::min());
  const ConnectionRef ref = ring.writer.OpenConnection(TestConnection("a"));
  CHECK(ring.writer.EndConnection(ref, evidence, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone));
  const RingContents contents = ring.Read();
  REQUIRE(contents.connections.size() == 1);
  const uint64_t kept = contents.connections[0].evidence.present();
  // Ten bytes each, 88 in each of two chunks.
  CHECK(kept == ((uint64_t{1} << 17) - 2));
  CHECK(contents.life.losses[static_cast<size_t>(Loss::kEvidenceCut)] == 63 - 16);
}

TEST_CASE("an open connection comes back with its failure and its counters") {
  TestRing ring;
  const ConnectionRef ref = ring.writer.OpenConnection(TestConnection("gate-1", false));
  LiveConnection* live = ring.writer.Live(ref);
  REQUIRE(live != nullptr);
  live->sent_bytes = 1000;
  live->sent_bytes_at_receive = 400;
  live->received_bytes = 77;
  live->connected_ms = 5;
  live->app_rtt_us = 31000;
  live->announced = WHYDROP_CLOSE_KICK + 1;
  live->link_down_ms = 9;
  Evidence failure;
  failure.Set(Field::error_kind, 4);
  failure.Set(Field::bytes_sent, 900);
  Evidence second;
  second.Set(Field::error_kind, 1);
  CHECK(ring.writer.KeepFailure(ref, failure));
  CHECK_FALSE(ring.writer.KeepFailure(ref, second));
  Evidence kept;
  CHECK(ring.writer.ReadFailure(ref, &kept));
  CHECK(SameEvidence(kept, failure));
  std::array<uint8_t, kTokenHashBytes> token{};
  for (uint8_t i = 0; i < 5; ++i) {
    token[0] = i;
    CHECK(ring.writer.SetToken(ref, true, token));
  }
  const RingContents contents = ring.Read();
  REQUIRE(contents.connections.size() == 1);
  const RingConnection& open = contents.connections[0];
  CHECK(open.open);
  CHECK(open.failed);
  CHECK(open.identity.has_token);
  CHECK(open.identity.token_hash == token);
  CHECK(open.link_down_ms == 9);
  CHECK(open.evidence.Get(Field::error_kind) == 4);
  CHECK(open.evidence.Get(Field::bytes_sent) == 900);
  CHECK(open.evidence.Get(Field::bytes_received) == 77);
  CHECK(open.evidence.Get(Field::sent_since_recv_bytes) == 600);
  CHECK(open.evidence.IsTrue(Field::established));
  CHECK(open.evidence.Get(Field::app_rtt_us) == 31000);
  CHECK(open.evidence.Get(Field::announced_reason) == WHYDROP_CLOSE_KICK);
  CHECK_FALSE(open.evidence.Has(Field::app_min_rtt_us));
}

TEST_CASE("a full table refuses and counts, and a freed slot serves again under a new generation") {
  TestRing ring;
  std::vector<ConnectionRef> refs;
  for (uint32_t i = 0; i < 64; ++i) refs.push_back(ring.writer.OpenConnection(TestConnection("a")));
  CHECK_FALSE(ring.writer.OpenConnection(TestConnection("a")).valid());
  CHECK(ring.writer.LossCount(Loss::kConnectionsRefused) == 1);
  CHECK(ring.writer.EndConnection(refs[10], SomeEvidence(), WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh));
  const ConnectionRef again = ring.writer.OpenConnection(TestConnection("b"));
  REQUIRE(again.valid());
  CHECK(again.slot == refs[10].slot);
  CHECK(again.generation != refs[10].generation);
  CHECK(ring.writer.Live(refs[10]) == nullptr);
  CHECK_FALSE(ring.writer.SetToken(refs[10], false, {}));
  CHECK_FALSE(ring.writer.KeepFailure(refs[10], SomeEvidence()));
  Evidence none;
  CHECK_FALSE(ring.writer.ReadFailure(again, &none));
}

TEST_CASE("repeats of one endpoint and cause go to the totals only after four") {
  TestRing ring;
  for (int i = 0; i < 10000; ++i) {
    const ConnectionRef ref = ring.writer.OpenConnection(TestConnection("dead-gate"));
    CHECK(ring.writer.EndConnection(ref, SomeEvidence(false), WHYDROP_CAUSE_CONNECT_REFUSED, Confidence::kHigh));
  }
  const RingContents contents = ring.Read();
  CHECK(contents.connections.size() == 4);
  REQUIRE(contents.totals.size() == 1);
  CHECK(contents.totals[0].count == 10000);
  CHECK(contents.life.connections_opened == 10000);
  CHECK(contents.life.losses[static_cast<size_t>(Loss::kEventsDropped)] == 0);
}

TEST_CASE("a predecessor that cannot be costs the link, not the record") {
  TestRing ring;
  ConnectionIdentity identity = TestConnection("gate-1");
  identity.previous = 9;
  const ConnectionRef ref = ring.writer.OpenConnection(identity);
  CHECK(ring.writer.EndConnection(ref, Evidence{}, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh));
  const RingContents contents = ring.Read();
  CHECK(contents.damage.slots_damaged == 0);
  REQUIRE(FindConnection(contents, 1) != nullptr);
  CHECK(FindConnection(contents, 1)->identity.previous == 0);
}

TEST_CASE("ends go to the flow ring when the key ring is full") {
  TestRing ring;
  while (ring.writer.RecordKey(EventType::kOpened, 0, 0, 0)) {
  }
  const ConnectionRef ref = ring.writer.OpenConnection(TestConnection("gate"));
  CHECK(ring.writer.EndConnection(ref, SomeEvidence(), WHYDROP_CAUSE_SERVER_RESET, Confidence::kLow));
  const RingContents contents = ring.Read();
  REQUIRE(contents.connections.size() == 1);
  CHECK(contents.connections[0].key_index == kFlowRingKeyIndex);
  CHECK(SameEvidence(contents.connections[0].evidence, SomeEvidence()));
}

TEST_CASE("tags are kept, changed, deleted, bounded and counted") {
  TestRing ring;
  const auto set = [&ring](const std::string& key, const char* value) {
    return ring.writer.SetTag(key.data(), key.size(), value, value == nullptr ? 0 : std::strlen(value));
  };
  for (int i = 0; i < 16; ++i) CHECK(set("k" + std::to_string(i), "v"));
  CHECK_FALSE(set("one_more", "v"));
  CHECK_FALSE(set("K", "v"));
  CHECK_FALSE(set("k1", "no spaces"));
  CHECK(set("k3", "New.1"));
  CHECK(set("k3", "New.2"));
  CHECK(set("k0", nullptr));
  CHECK(set("unknown", nullptr));
  CHECK(set("one_more", ""));
  const RingContents contents = ring.Read();
  CHECK(contents.tags.size() == 16);
  for (const RingTag& tag : contents.tags) {
    CHECK(tag.key != "k0");
    if (tag.key == "k3") CHECK(tag.value == "New.2");
  }
  CHECK(contents.life.losses[static_cast<size_t>(Loss::kTagsDropped)] == 3);
  CHECK(contents.damage.tags_damaged == 0);
}

TEST_CASE("sealing gives slots back, repeats its range until it is finished, and counts rotations") {
  TestRing ring;
  uint64_t from = 9, to = 9;
  uint32_t rotation = 9;
  CHECK_FALSE(ring.writer.BeginSeal(&from, &to, &rotation));
  while (ring.writer.RecordKey(EventType::kOpened, 0, 0, 0)) {
  }
  const uint32_t slots = ring.writer.layout().key_slots;
  REQUIRE(ring.writer.BeginSeal(&from, &to, &rotation));
  CHECK(from == 0);
  CHECK(to >= slots);
  CHECK(rotation == 0);
  CHECK_FALSE(ring.writer.RecordKey(EventType::kOpened, 0, 0, 0));
  uint64_t from_again = 0, to_again = 0;
  REQUIRE(ring.writer.BeginSeal(&from_again, &to_again, &rotation));
  CHECK(to_again == to);
  CHECK(rotation == 0);
  ring.writer.FinishSeal({});
  CHECK(ring.Read().life.rotation == 1);
  CHECK(ring.writer.life()->rotation == 1);
  // Killed right before the last store of FinishSeal.
  ring.writer.life()->rotation = 0;
  CHECK(ring.Read().life.rotation == 1);
  ring.writer.life()->rotation = 1;
  CHECK(ring.writer.RecordKey(EventType::kClosed, 1, 0, 0));
  REQUIRE(ring.writer.BeginSeal(&from, &to_again, &rotation));
  CHECK(from == to);
  CHECK(rotation == 1);
  ring.writer.FinishSeal({});
  CHECK(ring.Read().life.rotation == 2);
}

// Every record carries a number that no other has, so that doubles, mixtures and losses show.
void Hammer(RingWriter* writer, uint32_t thread, uint32_t count, std::atomic<uint64_t>* key_kept) {
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t a = static_cast<int64_t>(thread) << 32 | i;
    if (writer->RecordKey(EventType::kConnected, thread, a, ~a)) key_kept->fetch_add(1);
    static_cast<void>(writer->RecordFlow(EventType::kStalled, thread, a, ~a));
    if (i % 8 == 0) {
      const ConnectionRef ref = writer->OpenConnection(TestConnection("gate"));
      if (!ref.valid()) continue;
      static_cast<void>(writer->SetToken(ref, true, {}));
      static_cast<void>(writer->KeepFailure(ref, SomeEvidence()));
      static_cast<void>(writer->SetTag("k", 1, "v", 1));
      static_cast<void>(writer->EndConnection(ref, SomeEvidence(false), WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kLow));
    }
  }
}

TEST_CASE("eight threads lose and mix nothing in either ring, while it is read") {
  TestRing ring(1 << 20, 16);
  constexpr uint32_t kThreads = 8, kEach = 20000;
  std::atomic<uint64_t> key_kept{0};
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) threads.emplace_back(Hammer, &ring.writer, i, kEach, &key_kept);
  for (int i = 0; i < 20; ++i) {
    const RingContents during = ring.Read();
    for (const RingEvent& event : during.events) CHECK(event.b == ~event.a);
  }
  for (std::thread& thread : threads) thread.join();
  const RingContents contents = ring.Read();
  uint64_t key_events = 0;
  for (const RingEvent& event : contents.events) {
    CHECK(event.b == ~event.a);
    CHECK(event.connection == static_cast<uint32_t>(event.a >> 32));
    key_events += event.key ? 1 : 0;
  }
  CHECK(key_events == key_kept);
  CHECK(contents.damage.slots_damaged == 0);
  CHECK(contents.damage.slots_unfinished == 0);
  uint64_t total = 0;
  for (const RingTotal& entry : contents.totals) total += entry.count;
  CHECK(total == contents.life.connections_opened);
  CHECK(FindConnection(contents, 0) == nullptr);
  for (const RingConnection& connection : contents.connections) CHECK_FALSE(connection.open);
}

TEST_CASE("exactly one of racing threads ends a connection, and its slot is freed once") {
  TestRing ring;
  constexpr int kRounds = 2000;
  ConnectionRef refs[kRounds];
  std::atomic<int> ended{0}, next{0};
  std::vector<std::thread> threads;
  std::atomic<int> ready{-1};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        while (ready.load() < round) std::this_thread::yield();
        const ConnectionRef ref = refs[round];
        if (i == 3) static_cast<void>(ring.writer.SetToken(ref, true, {}));
        if (ring.writer.EndConnection(ref, SomeEvidence(), WHYDROP_CAUSE_UNKNOWN, Confidence::kNone))
          ended.fetch_add(1);
        next.fetch_add(1);
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    refs[round] = ring.writer.OpenConnection(TestConnection("a"));
    CHECK(refs[round].valid());
    ready = round;
    while (next.load() < 4 * (round + 1)) std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(ended == kRounds);
  for (const RingConnection& connection : ring.Read().connections) CHECK_FALSE(connection.open);
}

TEST_CASE("sealing while threads record loses nothing and doubles nothing") {
  TestRing ring(1 << 18, 16);
  constexpr uint32_t kThreads = 4, kEach = 20000;
  std::atomic<uint64_t> kept{0};
  std::atomic<uint32_t> running{kThreads};
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (uint32_t n = 0; n < kEach; ++n) {
        if (ring.writer.RecordKey(EventType::kConnected, i, n, 0)) kept.fetch_add(1);
      }
      running.fetch_sub(1);
    });
  }
  uint64_t sealed = 0, last_to = 0;
  for (bool last = false; !last;) {
    last = running.load() == 0;
    uint64_t from = 0, to = 0;
    uint32_t rotation = 0;
    if (!ring.writer.BeginSeal(&from, &to, &rotation)) continue;
    CHECK(from == last_to);
    last_to = to;
    for (const RingEvent& event : ring.Read().events) sealed += event.key && event.index >= from && event.index < to;
    ring.writer.FinishSeal({});
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(sealed == kept);
}

TEST_CASE("where the ring is no mapping, a tick writes the connections that changed, and those alone") {
  TestDirectory directory(TestDirectory::InMemory());
  TestRing ring(65536, 64, TestIdentity(), platform::StorageMode::kFile, directory.File("ring"));
  const ConnectionRef idle = ring.writer.OpenConnection(TestConnection("gate-1"));
  const ConnectionRef busy = ring.writer.OpenConnection(TestConnection("gate-2"));
  ring.writer.WriteThrough();
  const auto offset = [&](ConnectionRef ref) { return ring.writer.layout().connections + ref.slot * kConnectionBytes; };
  {
    std::fstream file(directory.Path("ring"), std::ios::in | std::ios::out | std::ios::binary);
    for (const ConnectionRef ref : {idle, busy}) {
      file.seekp(static_cast<std::streamoff>(offset(ref)));
      file.write("overwritten", 11);
    }
  }
  ring.writer.Live(busy)->sent_bytes.fetch_add(100);
  ring.writer.WriteThrough();
  const std::string file = directory.Read("ring");
  CHECK(file.compare(offset(idle), 11, "overwritten") == 0);
  CHECK(std::memcmp(file.data() + offset(busy), ring.storage.data() + offset(busy), sizeof(LiveConnection)) == 0);
}

}  // namespace
}  // namespace whydrop
