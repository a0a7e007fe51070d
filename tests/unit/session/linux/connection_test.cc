// What a Linux socket tells beyond the portable: acknowledged bytes, windows, errors that wait.
#include <doctest/doctest.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "scene.h"

using whydrop_test::Scene;

namespace {

// Until the server's kernel has acknowledged what the client sent; it may take its time for that.
void WaitAcknowledged(const net::Pair& pair) {
  int waiting = 1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (waiting > 0 && std::chrono::steady_clock::now() < end) {
    REQUIRE(ioctl(static_cast<int>(pair.client), SIOCOUTQ, &waiting) == 0);
    std::this_thread::yield();
  }
  REQUIRE(waiting == 0);
}

}  // namespace

TEST_CASE("the server closes with unread data: its reset is server_reset") {
  Scene scene;
  scene.Exchange();
  REQUIRE(net::Send(scene.pair.client, "unread", 6) == 6);
  whydrop_conn_sent(scene.conn, 6);
  WaitAcknowledged(scene.pair);
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == net::kConnectionReset);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_RECV, net::kConnectionReset) == WHYDROP_CAUSE_SERVER_RESET);
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_SERVER_RESET);
}

TEST_CASE("the server closes with SO_LINGER 0: server_reset") {
  Scene scene;
  scene.Exchange();
  scene.pair.ResetByServer();
  REQUIRE(scene.pair.ReceiveEnd() == net::kConnectionReset);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_RECV, net::kConnectionReset) == WHYDROP_CAUSE_SERVER_RESET);
}

TEST_CASE("a server that stops reading is server_hang at the game's own time-out") {
  Scene scene;
  scene.Exchange();
  const std::string block(64 * 1024, 'x');
  tcp_info info = {};
  info.tcpi_snd_wnd = 1;
  // Until the server's window is closed; its last words about that take a moment.
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
       info.tcpi_snd_wnd != 0 && std::chrono::steady_clock::now() < end;) {
    const int sent = net::SendNow(scene.pair.client, block.data(), block.size());
    if (sent > 0) whydrop_conn_sent(scene.conn, static_cast<uint64_t>(sent));
    socklen_t size = sizeof info;
    REQUIRE(getsockopt(static_cast<int>(scene.pair.client), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
  }
  REQUIRE(info.tcpi_snd_wnd == 0);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_APP_TIMEOUT, 0) == WHYDROP_CAUSE_SERVER_HANG);
}

TEST_CASE("the failure's evidence is taken without consuming the game's error") {
  Scene scene;
  scene.pair.ResetByServer();
  REQUIRE(net::WaitReadable(scene.pair.client, 5000));
  whydrop_conn_peer_closed(scene.conn);
  char data[1];
  CHECK(net::Receive(scene.pair.client, data, 1) == -1);
  CHECK(net::LastError() == net::kConnectionReset);
}
