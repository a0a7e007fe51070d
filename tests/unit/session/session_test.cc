// One process's session through the C interface: order of calls, limits, storage, consent and threads.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "session/link_table.h"
#include "session_fixture.h"

using whydrop_test::CallEverything;
using whydrop_test::DenyConsent;
using whydrop_test::OpenTcp;
using whydrop_test::Started;
using whydrop_test::Stats;
using whydrop_test::TempDir;

TEST_CASE("before start and after stop every call does nothing") {
  errno = 77;
  CallEverything(0x0001000001000001u);
  whydrop_mark_crash(11, "r");
  whydrop_note_exit(WHYDROP_EXIT_USER);
  CHECK(OpenTcp() == 0);
  whydrop_stop();
  CHECK(errno == 77);
  whydrop_stats stats = {};
  stats.struct_size = sizeof stats;
  CHECK(whydrop_get_stats(&stats) == WHYDROP_ERROR_NOT_STARTED);
  CHECK(whydrop_flush(10) == WHYDROP_ERROR_NOT_STARTED);
  CHECK(whydrop_set_consent(WHYDROP_CONSENT_DENIED) == WHYDROP_ERROR_NOT_STARTED);
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  const whydrop_conn conn = OpenTcp();
  CHECK(conn != 0);
  whydrop_stop();
  CallEverything(conn);
  CHECK(OpenTcp() == 0);
  CHECK(whydrop_get_stats(&stats) == WHYDROP_ERROR_NOT_STARTED);
}

TEST_CASE("a second start is refused, a start after stop is not") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(whydrop_start(&session.config) == WHYDROP_ERROR_ALREADY_STARTED);
  const whydrop_conn old = OpenTcp();
  whydrop_stop();
  REQUIRE(session.Start() == WHYDROP_OK);
  const whydrop_conn fresh = OpenTcp();
  CHECK(fresh != old);
  CHECK(whydrop_conn_close(old, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_UNKNOWN);
  CHECK(whydrop_conn_close(fresh, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
}

TEST_CASE("outputs that are NULL or too small are refused, larger ones are filled as far as known") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(whydrop_get_stats(nullptr) == WHYDROP_ERROR_INVALID_ARGUMENT);
  whydrop_stats stats = {};
  stats.struct_size = 4;
  CHECK(whydrop_get_stats(&stats) == WHYDROP_ERROR_INVALID_ARGUMENT);
  stats.struct_size = 8;
  stats.recorded = 99;
  CHECK(whydrop_get_stats(&stats) == WHYDROP_OK);
  CHECK(stats.storage != 0);
  CHECK(stats.recorded == 99);
  CHECK(stats.struct_size == 8);
  CHECK(whydrop_get_last_session(nullptr) == WHYDROP_ERROR_INVALID_ARGUMENT);
  CHECK(whydrop_set_consent(7) == WHYDROP_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("the connection that finds the table full gets 0 and is counted") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  whydrop_conn conns[64];
  for (whydrop_conn& conn : conns) REQUIRE((conn = OpenTcp()) != 0);
  const uint64_t dropped = Stats().dropped;
  CHECK(OpenTcp() == 0);
  CHECK(Stats().dropped == dropped + 1);
  CHECK(whydrop_conn_close(conns[5], WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
  CHECK(OpenTcp() != 0);
  for (const whydrop_conn conn : conns) whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
}

TEST_CASE("ten thousand connections open and close, each handle is new and stale afterwards") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  whydrop_conn last = 0;
  for (int i = 0; i < 10000; ++i) {
    const whydrop_conn conn = OpenTcp();
    REQUIRE(conn != 0);
    REQUIRE(conn != last);
    REQUIRE(whydrop_conn_close(last, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_UNKNOWN);
    REQUIRE(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
    last = conn;
  }
}

TEST_CASE("labels, tokens and tags that break their rules are counted") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  uint64_t dropped = Stats().dropped;
  auto counted = [&dropped] {
    const uint64_t before = dropped;
    dropped = Stats().dropped;
    return dropped - before;
  };
  const std::string label32(32, 'a'), label33(33, 'a'), token64(64, 't'), token65(65, 't');
  CHECK(OpenTcp(label32.c_str(), token64.c_str()) != 0);
  CHECK(counted() == 0);
  CHECK(OpenTcp(label33.c_str()) != 0);
  CHECK(counted() == 1);
  CHECK(OpenTcp("Gate 1") != 0);
  CHECK(counted() == 1);
  CHECK(OpenTcp("gate-1", token65.c_str()) != 0);
  CHECK(counted() == 1);
  CHECK(whydrop_conn_open(nullptr) == 0);
  CHECK(counted() == 1);
  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.endpoint = "gate-1";
  CHECK(whydrop_conn_open(&info) == 0);
  CHECK(counted() == 1);

  whydrop_set_tag("map", "forest");
  whydrop_set_tag("map", nullptr);
  whydrop_set_tag(std::string(16, 'k').c_str(), std::string(32, 'v').c_str());
  CHECK(counted() == 0);
  whydrop_set_tag(nullptr, "v");
  whydrop_set_tag("", "v");
  whydrop_set_tag(std::string(17, 'k').c_str(), "v");
  whydrop_set_tag("k", std::string(33, 'v').c_str());
  whydrop_set_tag("K", "v");
  whydrop_set_tag("k", "a b");
  CHECK(counted() == 6);
  const whydrop_conn conn = OpenTcp();
  whydrop_conn_expect_close(conn, 9);
  whydrop_note_exit(9);
  CHECK(counted() == 2);
}

TEST_CASE("recording calls keep errno") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  const whydrop_conn conn = OpenTcp();
  for (const int value : {0, 77}) {
    errno = value;
    whydrop_conn_connected(conn, 9999);  // no such descriptor: the system calls fail
    CallEverything(conn);
    whydrop_note_exit(WHYDROP_EXIT_USER);
    CHECK(errno == value);
  }
}

TEST_CASE("where the directory cannot be made, memory is used and it is said once") {
  TempDir dir;
  const std::string blocked = dir.path() + "/file";
  std::ofstream(blocked).put('x');
  Started session(blocked);
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(Stats().storage == WHYDROP_STORAGE_VOLATILE);
  CHECK(session.log->Messages().size() == 1);
  CallEverything(OpenTcp());
  CHECK(whydrop_flush(20000) == WHYDROP_OK);
  whydrop_last_session last = {};
  last.struct_size = sizeof last;
  CHECK(whydrop_get_last_session(&last) == WHYDROP_ERROR_NOT_FOUND);
}

TEST_CASE("a state directory beyond 260 characters and beyond ASCII takes ring and batch") {
  TempDir dir;
  std::string path = dir.path() + "/Zażółć 玩家";
  while (path.size() < 300) path += "/a directory with a rather long name";
  for (const whydrop_result expected : {WHYDROP_ERROR_NOT_FOUND, WHYDROP_OK}) {
    Started session(path);
    REQUIRE(session.Start() == WHYDROP_OK);
    CHECK(Stats().storage != WHYDROP_STORAGE_VOLATILE);
    CHECK(whydrop_conn_close(OpenTcp(), WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
    REQUIRE(whydrop_flush(20000) == WHYDROP_OK);
    whydrop_last_session last = {};
    last.struct_size = sizeof last;
    CHECK(whydrop_get_last_session(&last) == expected);
  }
}

TEST_CASE("without consent nothing is ever written") {
  TempDir dir;
  Started session(dir.path());
  session.config.consent = WHYDROP_CONSENT_DENIED;
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(Stats().storage == WHYDROP_STORAGE_VOLATILE);
  CallEverything(OpenTcp());
  CHECK(whydrop_flush(20000) == WHYDROP_OK);
  CHECK(dir.Files(".ring").empty());
}

TEST_CASE("consent that is withdrawn deletes the ring at once and recording goes on in memory") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  REQUIRE(dir.Files(".ring").size() == 1);
  const whydrop_conn conn = OpenTcp();
  CHECK(whydrop_set_consent(WHYDROP_CONSENT_UNKNOWN) == WHYDROP_OK);
  CHECK(dir.Files(".ring").size() == 1);
  CHECK(DenyConsent());
  CHECK(dir.Files(".ring").empty());
  CHECK(Stats().storage == WHYDROP_STORAGE_VOLATILE);
  CHECK(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
  CHECK(whydrop_set_consent(WHYDROP_CONSENT_GRANTED) == WHYDROP_OK);
  CHECK(whydrop_flush(20000) == WHYDROP_OK);
  CHECK(dir.Files(".ring").empty());
  CHECK(Stats().storage == WHYDROP_STORAGE_VOLATILE);
}

TEST_CASE("consent denied at a later start of the same process deletes what the earlier one left") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  whydrop_conn_close(OpenTcp(), WHYDROP_CLOSE_NORMAL);
  whydrop_flush(20000);
  whydrop_stop();
  session.config.consent = WHYDROP_CONSENT_DENIED;
  REQUIRE(session.Start() == WHYDROP_OK);
  whydrop_flush(20000);
  CHECK(dir.Files(".ring").empty());
  CHECK(dir.Files(".batch").empty());
}

TEST_CASE("a version that the collector switched off writes nothing, and a denied consent still erases all") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  REQUIRE(whydrop_flush(20000) == WHYDROP_OK);  // the worker has looked, and leaves soon
  whydrop_stop();
  const std::string directory = dir.path() + "/test.game/";
  REQUIRE(dir.Files(".ring").size() == 1);
  const std::string batch = directory + std::string(32, 'a') + "-0-0.batch";
  std::ofstream(batch) << "left by an older version";
  std::ofstream(directory + "disabled") << session.config.app_version;
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(Stats().storage == WHYDROP_STORAGE_VOLATILE);
  CHECK(whydrop_flush(20000) == WHYDROP_OK);
  CHECK(dir.Files(".ring").size() == 1);  // not even harvested
  CHECK(dir.Files(".batch").size() == 1);
  CHECK(DenyConsent());
  CHECK(dir.Files(".ring").empty());
  CHECK(dir.Files(".batch").empty());
}

namespace {

// A transport that hangs until it is let go.
struct HungTransport {
  std::atomic<bool> entered{false};
  std::atomic<bool> let_go{false};
  static void WHYDROP_CALL Post(const whydrop_request*, whydrop_response*, void* user) {
    auto* self = static_cast<HungTransport*>(user);
    self->entered.store(true);
    while (!self->let_go.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};
HungTransport hung;

}  // namespace

TEST_CASE("while a transport hangs, stop returns soon, and a consent that was denied meanwhile is kept") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  whydrop_stop();
  session.config.upload_url = "https://localhost/v1/batches";
  session.config.transport = HungTransport::Post;
  session.config.transport_user = &hung;
  REQUIRE(session.Start() == WHYDROP_OK);
  std::thread flush([] { whydrop_flush(30000); });
  while (!hung.entered.load()) std::this_thread::yield();
  CHECK(whydrop_set_consent(WHYDROP_CONSENT_DENIED) == WHYDROP_ERROR_TIMEOUT);
  const auto before = std::chrono::steady_clock::now();
  whydrop_stop();
  whydrop_stop();
  // 50 ms by the contract; the rest is for a machine that is busy with other things. The transport hangs longer.
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
  CHECK(whydrop_start(&session.config) == WHYDROP_ERROR_ALREADY_STARTED);
  hung.let_go.store(true);
  flush.join();
  session.config.consent = WHYDROP_CONSENT_UNKNOWN;
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(dir.Files(".ring").size() == 1);
  CHECK(dir.Files(".batch").empty());
  whydrop_flush(20000);
  CHECK(dir.Files(".batch").empty());
}

TEST_CASE("a device's state that is told again is a repeat, another one is not") {
  whydrop::LinkTable links;
  CHECK_FALSE(links.IsRepeat(3, true));
  CHECK(links.IsRepeat(3, true));
  CHECK_FALSE(links.IsRepeat(4, true));
  CHECK_FALSE(links.IsRepeat(3, false));
  CHECK(links.IsRepeat(3, false));
  CHECK(links.IsRepeat(4, true));
  for (uint32_t index = 100; index < 200; ++index) CHECK_FALSE(links.IsRepeat(index, true));
}

TEST_CASE("threads record while sessions come and go") {
  TempDir dir;
  Started session(dir.path());
  std::atomic<bool> done{false};
  auto record = [&done] {
    while (!done.load(std::memory_order_relaxed)) CallEverything(OpenTcp("gate-2", "t"));
  };
  std::thread first(record), second(record);
  for (int i = 0; i < 20; ++i) {
    whydrop_result result;
    // A worker that needs longer than stop waits for may still be leaving.
    while ((result = whydrop_start(&session.config)) == WHYDROP_ERROR_ALREADY_STARTED) std::this_thread::yield();
    CHECK(result == WHYDROP_OK);
    std::thread flush([] { whydrop_flush(1000); });
    whydrop_heartbeat();
    whydrop_stop();
    flush.join();
  }
  done.store(true);
  first.join();
  second.join();
}

TEST_CASE("a flush without a url harvests only, and says that all is well") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(whydrop_flush(20000) == WHYDROP_OK);
  whydrop_last_session last = {};
  last.struct_size = sizeof last;
  CHECK(whydrop_get_last_session(&last) == WHYDROP_ERROR_NOT_FOUND);
}
