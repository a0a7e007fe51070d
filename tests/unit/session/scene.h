// A session with one connection over a real socket on loopback.
#ifndef WHYDROP_TESTS_SESSION_SCENE_H
#define WHYDROP_TESTS_SESSION_SCENE_H

#include <doctest/doctest.h>

#include "session_fixture.h"

namespace whydrop_test {

struct Scene {
  TempDir dir;
  Started session{dir.path()};
  net::Pair pair;
  whydrop_conn conn = 0;

  Scene() {
    REQUIRE(session.Start() == WHYDROP_OK);
    REQUIRE(pair.Open());
    conn = OpenTcp("gate-1", "token-1");
    whydrop_conn_connected(conn, pair.client);
  }
  void Exchange() {
    REQUIRE(net::Send(pair.client, "hello", 5) == 5);
    whydrop_conn_sent(conn, 5);
    char data[8];
    REQUIRE(net::Receive(pair.server, data, sizeof data) == 5);
    REQUIRE(net::Send(pair.server, "hello", 5) == 5);
    REQUIRE(net::Receive(pair.client, data, sizeof data) == 5);
    whydrop_conn_received(conn, 5);
  }
};

}  // namespace whydrop_test

#endif
