// A running server's look at its own ring: only what changed since the last rotation, and all of that.
#include "ring/live_ring.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "ring_fixture.h"

using namespace whydrop;

// One rotation: what it finds, told if `told`.
static RingContents Rotate(TestRing* ring, LiveRing* live, bool told = true) {
  uint64_t from = 0, to = 0;
  uint32_t rotation = 0;
  ring->writer.RecordKey(EventType::kReported, 0, 0, 0);
  RingContents contents;
  // A thread that the system stopped in the middle of a record keeps what lies behind it for the next rotation.
  if (!ring->writer.BeginSeal(&from, &to, &rotation)) return contents;
  REQUIRE(live->Read(&contents).ok());
  if (!told) return contents;
  RingWriter::Told all;
  for (const RingConnection& connection : contents.connections) {
    if (connection.key_index == kFlowRingKeyIndex) all.flow_index = std::max(all.flow_index, connection.flow_index + 1);
  }
  all.flow_index = std::max(all.flow_index, contents.life.flow_told);
  ring->writer.FinishSeal(all);
  live->Told();
  return contents;
}

static void End(RingWriter* writer, ConnectionRef ref) {
  Evidence evidence;
  evidence.Set(Field::established, 1);
  writer->EndConnection(ref, evidence, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
}

TEST_CASE("a rotation finds what changed since the last one that was told, and nothing else") {
  TestRing ring(1 << 20, 1000);
  LiveRing live(&ring.writer);
  std::vector<ConnectionRef> refs;
  for (int i = 0; i < 700; ++i) refs.push_back(ring.writer.OpenConnection(TestConnection("gate-1", i % 2 == 0)));
  CHECK(Rotate(&ring, &live).connections.size() == 700);
  for (const ConnectionRef ref : refs) ring.writer.Live(ref)->sent_bytes.fetch_add(100);
  CHECK(Rotate(&ring, &live).connections.empty());
  CHECK(ring.writer.OpenConnections() == 700);

  std::array<uint8_t, kTokenHashBytes> hash{};
  hash.fill(7);
  REQUIRE(ring.writer.SetToken(refs[1], true, hash));
  Evidence failure;
  failure.Set(Field::os_error, 104);
  REQUIRE(ring.writer.KeepFailure(refs[65], failure));
  CHECK(Rotate(&ring, &live, false).connections.size() == 2);
  ring.writer.OpenConnection(TestConnection("gate-1"));
  const RingContents again = Rotate(&ring, &live);  // the last one was not told
  REQUIRE(again.connections.size() == 3);
  CHECK(FindConnection(again, 2)->identity.token_hash == hash);
  CHECK(FindConnection(again, 66)->failed);
  CHECK(FindConnection(again, 66)->evidence.Get(Field::os_error) == 104);
  CHECK(FindConnection(again, 701)->open);

  End(&ring.writer, refs[3]);
  const RingContents ended = Rotate(&ring, &live);
  REQUIRE(ended.connections.size() == 1);
  CHECK_FALSE(ended.connections[0].open);
  CHECK(ended.connections[0].identity.number == 4);
  CHECK(ring.writer.OpenConnections() == 700);
}

TEST_CASE("what a rotation finds of its own ring is what a reader of the whole ring finds") {
  TestRing ring(1 << 20, 64);
  LiveRing live(&ring.writer);
  std::vector<ConnectionRef> refs;
  for (int lap = 0; lap < 40; ++lap) {
    for (int i = 0; i < 60; ++i) refs.push_back(ring.writer.OpenConnection(TestConnection("gate-1")));
    for (int i = 0; i < 50; ++i) End(&ring.writer, refs[i]);
    const RingContents whole = ring.Read();
    const uint64_t sealed = whole.life.sealed_index;
    const RingContents part = Rotate(&ring, &live);
    size_t untold = 0;
    for (const RingConnection& connection : whole.connections) {
      const bool told = !connection.open && connection.key_index != kFlowRingKeyIndex && connection.key_index < sealed;
      if (told || (connection.key_index == kFlowRingKeyIndex && connection.flow_index < whole.life.flow_told)) continue;
      ++untold;
      const RingConnection* found = FindConnection(part, connection.identity.number);
      REQUIRE(found != nullptr);
      CHECK(found->open == connection.open);
      CHECK(found->evidence.present() == connection.evidence.present());
      CHECK(found->identity.token_hash == connection.identity.token_hash);
    }
    CHECK(untold >= 60);
    CHECK(part.totals.size() == whole.totals.size());
    for (int i = 50; i < 60; ++i) End(&ring.writer, refs[i]);
    Rotate(&ring, &live);
    refs.clear();
  }
}

TEST_CASE("connections that open and end on other threads during rotations are found exactly once") {
  TestRing ring(1 << 20, 64);
  LiveRing live(&ring.writer);
  std::atomic<int> running{4};
#ifdef WHYDROP_SLOW_BUILD
  constexpr int kEach = 1000;
#else
  constexpr int kEach = 5000;
#endif
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const std::array<uint8_t, kTokenHashBytes> hash{1};
      for (int i = 0; i < kEach; ++i) {
        const ConnectionRef ref = ring.writer.OpenConnection(TestConnection("gate-1", false));
        ring.writer.SetToken(ref, true, hash);
        End(&ring.writer, ref);
      }
      running.fetch_sub(1);
    });
  }
  std::map<uint32_t, int> ends;
  uint64_t overwritten = 0;
  const auto rotate = [&] {
    const uint64_t sealed = ring.writer.life()->sealed_index.load();
    const RingContents contents = Rotate(&ring, &live);
    for (const RingConnection& connection : contents.connections) {
      const uint32_t number = connection.identity.number;
      if (connection.open) CHECK(ends.count(number) == 0);  // the end is the last word
      if (connection.open) continue;
      const bool in_flow = connection.key_index == kFlowRingKeyIndex;
      const bool told = in_flow ? connection.flow_index < contents.life.flow_told : connection.key_index < sealed;
      const bool later = !in_flow && connection.key_index >= ring.writer.life()->sealed_index.load();
      if (!told && !later) ++ends[number];
    }
    overwritten = contents.life.losses[static_cast<size_t>(Loss::kEventsOverwritten)];
  };
  while (running.load() != 0) rotate();
  for (std::thread& thread : threads) thread.join();
  rotate();
  // A record that was given up leaves a hole in the flow ring: what lies behind it is read again, but told already.
  const size_t found = ends.size();
  rotate();
  CHECK(ends.size() == found);
  for (const auto& end : ends) CHECK(end.second == 1);
  // An end goes where it can be overwritten only when the key ring is full.
  CHECK(ends.size() + overwritten >= 4 * kEach);
  CHECK(ring.writer.OpenConnections() == 0);
}
