// Real sockets on loopback that end in the ways a game meets, and the verdict the game is told.
#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "scene.h"
#include "session/connection_table.h"

using whydrop_test::OpenTcp;
using whydrop_test::Scene;
using whydrop_test::Started;
using whydrop_test::TempDir;

TEST_CASE("the server closes in order: server_close, and the own close afterwards keeps that verdict") {
  Scene scene;
  scene.Exchange();
  scene.pair.CloseServer();
  REQUIRE(scene.pair.ReceiveEnd() == 0);
  CHECK(whydrop_conn_peer_closed(scene.conn) == WHYDROP_CAUSE_SERVER_CLOSE);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_SEND, net::kBrokenPipe) == WHYDROP_CAUSE_SERVER_CLOSE);
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_SERVER_CLOSE);
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

TEST_CASE("a refused connect is connect_refused") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  uint16_t port = 0;
  net::Close(net::Listen(&port));
  const whydrop_conn conn = OpenTcp();
  REQUIRE(net::Connect(port) == net::kNoSocket);
  const int error = net::LastError();
  CHECK(error == net::kConnectionRefused);
  CHECK(whydrop_conn_failed(conn, WHYDROP_OP_CONNECT, error) == WHYDROP_CAUSE_CONNECT_REFUSED);
  CHECK(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_CONNECT_REFUSED);
}

TEST_CASE("a handle names its connection also after more connections than fit into it") {
  using whydrop::ConnectionTable;
  const auto handle = [](uint64_t number) { return whydrop_conn{7} << 48 | (number & 0xFFFFFF) << 24 | 1; };
  const uint64_t many = (uint64_t{1} << 24) + 1000;
  CHECK(ConnectionTable::NumberIn(7, handle(5), 9) == 5);
  CHECK(ConnectionTable::NumberIn(7, handle(many - 1), many) == many - 1);
  CHECK(ConnectionTable::NumberIn(7, handle(2000), many) == 2000);
  CHECK(ConnectionTable::NumberIn(7, handle(uint64_t{1} << 24), many) == uint64_t{1} << 24);
  CHECK(ConnectionTable::NumberIn(7, handle(10), 9) == 0);
  CHECK(ConnectionTable::NumberIn(7, handle(0), 9) == 0);
  CHECK(ConnectionTable::NumberIn(7, handle(1), 0) == 0);
  CHECK(ConnectionTable::NumberIn(8, handle(5), 9) == 0);
}
