// What a session does while its worker is uploading.
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "platform/file.h"
#include "ring/ring_layout.h"
#include "session_fixture.h"
#include "support/child.h"

using whydrop_test::OpenTcp;
using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

// Accepts connections by the kernel's grace, reads nothing and never answers.
class SilentServer {
 public:
  SilentServer() : socket_(net::Listen(&port_)) { REQUIRE(socket_ != net::kNoSocket); }
  ~SilentServer() { net::Close(socket_); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1/batches"; }
  bool WasAsked() const { return net::WaitReadable(socket_, 20000); }

 private:
  uint16_t port_ = 0;
  net::Socket socket_;
};

uint64_t TickMs(const TempDir& dir) {
  const std::string ring = dir.OnlyRing();
  uint64_t tick_ms = 0;
  if (ring.size() > whydrop::kHeaderBytes + sizeof(whydrop::LifePage)) {
    std::memcpy(&tick_ms, ring.data() + whydrop::kHeaderBytes + offsetof(whydrop::LifePage, tick_ms), sizeof tick_ms);
  }
  return tick_ms;
}

// During a transfer that does not end nothing but pulses can make the tick go on.
bool TickGoesOn(const TempDir& dir) {
  const uint64_t before_ms = TickMs(dir);
  REQUIRE(before_ms != 0);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (TickMs(dir) < before_ms + 1500 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return TickMs(dir) >= before_ms + 1500;
}

// A session that ended leaves a batch behind.
void LeaveBatch(const TempDir& dir) {
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  whydrop_conn_close(OpenTcp(), WHYDROP_CLOSE_NORMAL);
}

}  // namespace

TEST_CASE("signs of life go on while an upload waits for an answer that never comes") {
  SilentServer server;
  TempDir dir;
  LeaveBatch(dir);
  Started session(dir.path());
  const std::string url = server.url();
  session.config.upload_url = url.c_str();
  session.config.upload_delay_ms = 600000;
  REQUIRE(session.Start() == WHYDROP_OK);
  std::thread flush([] { CHECK(whydrop_flush(60000) == WHYDROP_ERROR_TIMEOUT); });
  CHECK(server.WasAsked());
  CHECK(TickGoesOn(dir));
  whydrop_stop();
  flush.join();
}

namespace {
std::atomic<bool> was_asked{false}, may_answer{false};
void WHYDROP_CALL HangingTransport(const whydrop_request*, whydrop_response*, void*) {
  was_asked.store(true);
  while (!may_answer.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}
}  // namespace

TEST_CASE("signs of life go on while the game's own transport hangs") {
  TempDir dir;
  LeaveBatch(dir);
  Started session(dir.path());
  session.config.upload_url = "https://localhost/v1/batches";
  session.config.transport = HangingTransport;
  session.config.upload_delay_ms = 600000;
  REQUIRE(session.Start() == WHYDROP_OK);
  std::thread flush([] { CHECK(whydrop_flush(60000) == WHYDROP_ERROR_TIMEOUT); });
  while (!was_asked.load()) std::this_thread::yield();
  CHECK(TickGoesOn(dir));
  may_answer.store(true);
  flush.join();
}

TEST_CASE("leaving is not delayed by an upload that waits") {
  SilentServer server;
  TempDir dir;
  LeaveBatch(dir);
  Started session(dir.path());
  const std::string url = server.url();
  session.config.upload_url = url.c_str();
  session.config.upload_delay_ms = 0;
  REQUIRE(session.Start() == WHYDROP_OK);
  CHECK(whydrop_flush(500) == WHYDROP_ERROR_TIMEOUT);
  const auto before = std::chrono::steady_clock::now();
  whydrop_stop();
  // 50 ms by the contract; the rest is for a machine that is busy with other things. The transfer may take 30 s.
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
}

namespace {

std::atomic<bool> log_hangs{false};
std::atomic<bool> log_may_go_on{false};

void WHYDROP_CALL HangingLog(int32_t, const char*, void*) {
  log_hangs.store(true);
  while (!log_may_go_on.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

CHILD_ROLE(takes_a_ring) {
  whydrop::platform::File ring;
  if (!whydrop::platform::File::OpenExisting(arguments.at(0), whydrop::platform::File::Mode::kReadWrite, &ring).ok()) {
    return 2;
  }
  return ring.TryLock().ok() ? 0 : 1;
}

TEST_CASE("a worker that stop did not wait for gives the ring to others when it is done") {
  TempDir dir;
  {
    Started before(dir.path());
    REQUIRE(before.Start() == WHYDROP_OK);
    REQUIRE(whydrop_flush(20000) == WHYDROP_OK);  // its worker looks for no more rings
  }
  const std::string damaged = dir.path() + "/test.game/" + std::string(32, 'a') + ".ring";
  std::ofstream(damaged) << "which the worker will complain of";
  Started session(dir.path());
  session.config.log = HangingLog;
  REQUIRE(session.Start() == WHYDROP_OK);
  while (!log_hangs.load()) std::this_thread::yield();
  std::string own;
  for (const std::string& path : dir.Files(".ring")) {
    if (Child::InRole("takes_a_ring", {path}).Wait() == 1) own = path;
  }
  REQUIRE_FALSE(own.empty());
  whydrop_stop();
  CHECK(Child::InRole("takes_a_ring", {own}).Wait() == 1);
  log_may_go_on.store(true);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (Child::InRole("takes_a_ring", {own}).Wait() != 0 && std::chrono::steady_clock::now() < end) {
  }
  CHECK(Child::InRole("takes_a_ring", {own}).Wait() == 0);
  CHECK(session.Start() == WHYDROP_OK);
}
