// Real sockets on loopback that end in the ways a game meets, and the verdict the game is told.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "session_fixture.h"

using whydrop_test::OpenTcp;
using whydrop_test::Started;
using whydrop_test::Stats;
using whydrop_test::TempDir;

namespace {

std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }

// A client's and a server's end of one TCP connection over loopback.
struct Pair {
  int listener = -1, client = -1, server = -1;
  sockaddr_in address = {};

  Pair() {
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    REQUIRE(listen(listener, 1) == 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(server >= 0);
  }
  ~Pair() {
    for (const int end : {listener, client, server}) {
      if (end >= 0) close(end);
    }
  }
  // Until the server's kernel has acknowledged what the client sent; it may take its time for that.
  void WaitAcknowledged() const {
    int waiting = 1;
    for (const auto end = Now() + std::chrono::seconds(5); waiting > 0 && Now() < end;) {
      REQUIRE(ioctl(client, SIOCOUTQ, &waiting) == 0);
      std::this_thread::yield();
    }
    REQUIRE(waiting == 0);
  }
  void CloseServer() {
    close(server);
    server = -1;
  }
  // What the game's recv sees when the end has arrived: 0, or an errno.
  int ReceiveEnd() const {
    pollfd wait = {client, POLLIN, 0};
    REQUIRE(poll(&wait, 1, 5000) == 1);
    char data[4096];
    for (;;) {
      const ssize_t got = recv(client, data, sizeof data, 0);
      if (got > 0) continue;
      return got == 0 ? 0 : errno;
    }
  }
};

struct Scene {
  TempDir dir;
  Started session{dir.path()};
  Pair pair;
  whydrop_conn conn = 0;

  Scene() {
    REQUIRE(session.Start() == WHYDROP_OK);
    conn = OpenTcp("gate-1", "token-1");
    whydrop_conn_connected(conn, pair.client);
  }
  void Exchange() {
    REQUIRE(send(pair.client, "hello", 5, 0) == 5);
    whydrop_conn_sent(conn, 5);
    char data[8];
    REQUIRE(recv(pair.server, data, sizeof data, 0) == 5);
    REQUIRE(send(pair.server, "hello", 5, 0) == 5);
    REQUIRE(recv(pair.client, data, sizeof data, 0) == 5);
    whydrop_conn_received(conn, 5);
  }
};

}  // namespace

TEST_CASE("the server closes in order: server_close, and the own close afterwards keeps that verdict") {
  Scene scene;
  scene.Exchange();
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == 0);
  CHECK(whydrop_conn_peer_closed(scene.conn) == WHYDROP_CAUSE_SERVER_CLOSE);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_SEND, EPIPE) == WHYDROP_CAUSE_SERVER_CLOSE);
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_SERVER_CLOSE);
}

TEST_CASE("the server closes with unread data: its reset is server_reset") {
  Scene scene;
  scene.Exchange();
  REQUIRE(send(scene.pair.client, "unread", 6, 0) == 6);
  whydrop_conn_sent(scene.conn, 6);
  scene.pair.WaitAcknowledged();
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == ECONNRESET);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_RECV, ECONNRESET) == WHYDROP_CAUSE_SERVER_RESET);
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_SERVER_RESET);
}

TEST_CASE("the server closes with SO_LINGER 0: server_reset") {
  Scene scene;
  scene.Exchange();
  const linger now = {1, 0};
  REQUIRE(setsockopt(scene.pair.server, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == ECONNRESET);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_RECV, ECONNRESET) == WHYDROP_CAUSE_SERVER_RESET);
}

TEST_CASE("an announced close is what was announced, by the peer's close and by a reset") {
  Scene scene;
  scene.Exchange();
  whydrop_conn_expect_close(scene.conn, WHYDROP_CLOSE_KICK);
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == 0);
  CHECK(whydrop_conn_peer_closed(scene.conn) == WHYDROP_CAUSE_SERVER_KICK);
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_SERVER_KICK);
}

TEST_CASE("the own close is local_close, also when the peer answers an announced logout first") {
  Scene scene;
  scene.Exchange();
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_LOGOUT) == WHYDROP_CAUSE_LOCAL_CLOSE);
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_LOGOUT) == WHYDROP_CAUSE_UNKNOWN);

  const whydrop_conn second = OpenTcp();
  whydrop_conn_connected(second, scene.pair.client);
  whydrop_conn_expect_close(second, WHYDROP_CLOSE_LOGOUT);
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == 0);
  CHECK(whydrop_conn_peer_closed(second) == WHYDROP_CAUSE_LOCAL_CLOSE);
}

TEST_CASE("a refused connect is connect_refused") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  sockaddr_in address;
  {
    Pair gone;
    address = gone.address;
  }
  const whydrop_conn conn = OpenTcp();
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0);
  const int error = errno;
  CHECK(error == ECONNREFUSED);
  CHECK(whydrop_conn_failed(conn, WHYDROP_OP_CONNECT, error) == WHYDROP_CAUSE_CONNECT_REFUSED);
  CHECK(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_CONNECT_REFUSED);
  close(client);
}

TEST_CASE("a server that stops reading is server_hang at the game's own time-out") {
  Scene scene;
  scene.Exchange();
  const std::string block(64 * 1024, 'x');
  tcp_info info = {};
  info.tcpi_snd_wnd = 1;
  // Until the server's window is closed; its last words about that take a moment.
  for (const auto end = Now() + std::chrono::seconds(5); info.tcpi_snd_wnd != 0 && Now() < end;) {
    const ssize_t sent = send(scene.pair.client, block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) whydrop_conn_sent(scene.conn, static_cast<uint64_t>(sent));
    socklen_t size = sizeof info;
    REQUIRE(getsockopt(scene.pair.client, IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
  }
  REQUIRE(info.tcpi_snd_wnd == 0);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_APP_TIMEOUT, 0) == WHYDROP_CAUSE_SERVER_HANG);
}

TEST_CASE("the failure's evidence is taken without consuming the game's error") {
  Scene scene;
  const linger now = {1, 0};
  REQUIRE(setsockopt(scene.pair.server, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  scene.pair.CloseServer();
  pollfd wait = {scene.pair.client, POLLIN, 0};
  REQUIRE(poll(&wait, 1, 5000) == 1);
  whydrop_conn_peer_closed(scene.conn);
  char data[1];
  CHECK(recv(scene.pair.client, data, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
}

TEST_CASE("of racing reports of one failure all get the same verdict and one close ends the record") {
  Scene scene;
  scene.Exchange();
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == 0);
  std::vector<std::thread> threads;
  whydrop_cause causes[4] = {};
  for (whydrop_cause& cause : causes) {
    threads.emplace_back([&scene, &cause] { cause = whydrop_conn_peer_closed(scene.conn); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const whydrop_cause cause : causes) CHECK(cause == WHYDROP_CAUSE_SERVER_CLOSE);
  threads.clear();
  for (whydrop_cause& cause : causes) {
    threads.emplace_back([&scene, &cause] { cause = whydrop_conn_close(scene.conn, WHYDROP_CLOSE_NORMAL); });
  }
  for (std::thread& thread : threads) thread.join();
  int ended = 0;
  for (const whydrop_cause cause : causes) ended += cause == WHYDROP_CAUSE_SERVER_CLOSE ? 1 : 0;
  CHECK(ended == 1);
}
