// What the session itself adds to the evidence of an end: its counts and times, and for how long the machine slept.
// Read back from the ring, where the collector's word comes from too.
#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "platform/clock.h"
#include "platform/process.h"
#include "ring/ring_reader.h"
#include "session/session.h"
#include "session_fixture.h"

using whydrop::Evidence;
using whydrop::Field;
using whydrop::LifePage;
using whydrop_test::OpenTcp;
using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

uint64_t ElapsedMs(std::chrono::steady_clock::time_point since) {
  const auto elapsed = std::chrono::steady_clock::now() - since;
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count());
}

struct Scene {
  TempDir dir;
  Started session{dir.path()};
  mutable int opened = 0;

  Scene() { REQUIRE(session.Start() == WHYDROP_OK); }
  whydrop::Session* Inside() const { return whydrop::Session::Current(); }
  LifePage* Life() const { return Inside()->writer().life(); }
  uint64_t NowMs() const { return Inside()->writer().NowMs(); }

  // Of an endpoint of its own: repeats of one endpoint and cause are only counted.
  whydrop_conn Opened() const { return OpenTcp(("gate-" + std::to_string(++opened)).c_str()); }
  // A connection that stands, without a socket.
  whydrop_conn Connected() const {
    const whydrop_conn conn = Opened();
    whydrop_conn_connected(conn, WHYDROP_NO_SOCKET);
    return conn;
  }
  // What was recorded at the failure of the connection that was opened last.
  Evidence Fail(whydrop_conn conn) const {
    whydrop_conn_failed(conn, WHYDROP_OP_RECV, ETIMEDOUT);
    whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
    const std::string ring = dir.OnlyRing();
    whydrop::RingContents contents;
    REQUIRE(whydrop::ReadRing(reinterpret_cast<const uint8_t*>(ring.data()), ring.size(), &contents).ok());
    REQUIRE_FALSE(contents.connections.empty());
    const whydrop::RingConnection* newest = &contents.connections[0];
    for (const auto& connection : contents.connections) {
      if (connection.identity.number > newest->identity.number) newest = &connection;
    }
    REQUIRE_FALSE(newest->open);
    return newest->evidence;
  }
  // The same after a suspend that ended so long ago, with a receive so long ago; both on this session's clock.
  int64_t SuspendedMs(uint64_t ended_ago_ms, uint64_t length_ms, uint64_t received_ago_ms) const {
    const whydrop_conn conn = Connected();
    const uint64_t now_ms = NowMs();
    Inside()->SetTick(now_ms - received_ago_ms);
    whydrop_conn_received(conn, 1);
    Life()->suspend_length_ms.store(length_ms);
    Life()->suspend_end_ms.store(now_ms - ended_ago_ms);
    return Fail(conn).Get(Field::suspended_ms);
  }
};

}  // namespace

TEST_CASE("sends without a pause are one run, and a pause of half a second begins a new one") {
  const Scene scene;
  // A machine that stalls in between makes a pause of its own: then once more.
  for (bool smooth = false; !smooth;) {
    const whydrop_conn conn = scene.Connected();
    const auto begin = std::chrono::steady_clock::now();
    auto last = begin;
    smooth = true;
    while (ElapsedMs(begin) < 1200) {
      whydrop_heartbeat();
      whydrop_conn_sent(conn, 10);
      smooth = smooth && ElapsedMs(last) < 400;
      last = std::chrono::steady_clock::now();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const Evidence steady = scene.Fail(conn);
    smooth = smooth && ElapsedMs(last) < 400;
    if (smooth) CHECK(steady.Get(Field::sending_for_ms) >= 1150);
  }
  const whydrop_conn conn = scene.Connected();
  whydrop_heartbeat();
  whydrop_conn_sent(conn, 10);
  std::this_thread::sleep_for(std::chrono::milliseconds(800));
  const auto again = std::chrono::steady_clock::now();
  whydrop_heartbeat();
  whydrop_conn_sent(conn, 10);
  const Evidence paused = scene.Fail(conn);
  CHECK(paused.Has(Field::sending_for_ms));
  CHECK(paused.Get(Field::sending_for_ms) <= static_cast<int64_t>(ElapsedMs(again)) + 20);
  CHECK_FALSE(scene.Fail(scene.Connected()).Has(Field::sending_for_ms));
}

TEST_CASE("the largest send is known of the whole connection and since the last receive") {
  const Scene scene;
  const whydrop_conn conn = scene.Connected();
  whydrop_conn_sent(conn, 3000);
  whydrop_conn_received(conn, 1);
  whydrop_conn_sent(conn, 200);
  whydrop_conn_sent(conn, 100);
  const Evidence evidence = scene.Fail(conn);
  CHECK(evidence.Get(Field::largest_send_bytes) == 3000);
  CHECK(evidence.Get(Field::largest_since_recv_bytes) == 200);
  const whydrop_conn answered = scene.Connected();
  whydrop_conn_sent(answered, 3000);
  whydrop_conn_received(answered, 1);
  const Evidence heard = scene.Fail(answered);
  CHECK(heard.IsFalse(Field::largest_since_recv_bytes));
  CHECK(heard.Get(Field::largest_send_bytes) == 3000);
}

TEST_CASE("an attempt to connect tells how many packets the host would not repeat meanwhile, a connection does not") {
  uint64_t ignored = 0;
  if (!whydrop::platform::RefusedRetransmits(&ignored)) {
    MESSAGE("skipped: this system does not count them");
    return;
  }
  const Scene scene;
  // The worker's first look comes with its first tick, on its own thread.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool known = false;
  while (!known && std::chrono::steady_clock::now() < end) {
    known = scene.Fail(scene.Opened()).Has(Field::refused_retransmits);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(known);
  CHECK_FALSE(scene.Fail(scene.Connected()).Has(Field::refused_retransmits));
}

TEST_CASE("a suspend since the last receive, or one that the game has just woken from, belongs to the end") {
  const Scene scene;
  while (scene.NowMs() < 3000) std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so much past is needed
  CHECK(scene.SuspendedMs(1500, 7000, 2500) == 7000);
  CHECK(scene.SuspendedMs(1500, 7000, 200) == 0);  // data came after it: the connection had survived it
  CHECK(scene.SuspendedMs(100, 7000, 0) == 7000);  // that data had come in while it was frozen
  CHECK(scene.SuspendedMs(2900, 7000, 2950) == 7000);
}

TEST_CASE("threads that wake before the worker see the gap themselves, also the part that only the boot clock counts") {
  const Scene scene;
  // The worker's next tick ends the gap, so a try may come too late.
  int64_t suspended_ms = 0;
  for (int i = 0; i < 50 && suspended_ms == 0; ++i) {
    const whydrop_conn conn = scene.Connected();
    scene.Life()->tick_boot_ms.store(whydrop::platform::BootTimeMs() - 5000);
    suspended_ms = scene.Fail(conn).Get(Field::suspended_ms);
  }
  CHECK(suspended_ms >= 5000);
  CHECK(suspended_ms < 25000);
  // Less than three seconds without a tick are a busy machine.
  int64_t stalled_ms = 0;
  for (int i = 0; i < 5; ++i) {
    const whydrop_conn conn = scene.Connected();
    scene.Life()->tick_boot_ms.store(whydrop::platform::BootTimeMs() - 1500);
    stalled_ms += scene.Fail(conn).Get(Field::suspended_ms) < 3000 ? 0 : 1;
  }
  CHECK(stalled_ms <= 1);
}
