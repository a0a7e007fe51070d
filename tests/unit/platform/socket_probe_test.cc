#include "platform/socket_probe.h"

#include <doctest/doctest.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <cerrno>
#include <string>

#include "loopback_pair.h"

using namespace whydrop::platform;  // NOLINT

TEST_CASE("a connection is identified with addresses, device and errno kept") {
  LoopbackPair pair;
  REQUIRE(pair.Open());
  SocketIdentity identity;
  errno = 12345;
  REQUIRE(IdentifySocket(pair.client, &identity));
  CHECK(errno == 12345);
  CHECK(identity.stream);
  CHECK(identity.cookie != 0);
  CHECK(identity.local.family == 4);
  CHECK(identity.peer.bytes[0] == 127);
  CHECK(identity.peer.port != 0);
  CHECK(identity.peer_loopback);
  CHECK(identity.interface_index != 0);
  CHECK_FALSE(identity.tunnel);
  CHECK_FALSE(IdentifySocket(-1, &identity));
  CHECK_FALSE(IdentifySocket(0, &identity));
}

TEST_CASE("the queues, the linger option and the state are seen while the connection stands") {
  LoopbackPair pair;
  REQUIRE(pair.Open());
  SocketIdentity identity;
  REQUIRE(IdentifySocket(pair.client, &identity));
  REQUIRE(send(pair.server, "hello", 5, 0) == 5);
  pollfd readable = {pair.client, POLLIN, 0};
  REQUIRE(poll(&readable, 1, 5000) == 1);
  const std::string much(8 * 1024 * 1024, 'x');
  const ssize_t taken = send(pair.client, much.data(), much.size(), MSG_DONTWAIT);
  REQUIRE(taken > 0);
  const linger zero = {1, 0};
  REQUIRE(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero)) == 0);
  SocketFacts facts;
  ProbeSocket(identity, &facts);
  CHECK(facts.tcp_state.value == TCP_ESTABLISHED);
  CHECK(facts.inq_bytes.value == 5);
  CHECK(facts.outq_bytes.value > 0);
  CHECK(facts.linger_zero.value == 1);
  CHECK(facts.poll_error.known);
  CHECK(facts.poll_error.value == 0);
  CHECK(facts.path_mtu_bytes.value >= 1500);
  CHECK(facts.snd_mss_bytes.value > 500);
  CHECK(facts.rtt_us.known);
  CHECK(facts.snd_wnd_bytes.known);
  CHECK(facts.refused_bytes.known);
  CHECK(facts.refused_bytes.value == 0);  // whatever waits, waits for the peer
  char byte[8];
  CHECK(recv(pair.client, byte, sizeof(byte), 0) == 5);  // the probe took nothing
}

TEST_CASE("a reset is seen after the game took its error, and before that the probe leaves the error to the game") {
  LoopbackPair pair;
  REQUIRE(pair.Open());
  SocketIdentity identity;
  REQUIRE(IdentifySocket(pair.client, &identity));
  pair.ResetByServer();
  pollfd readable = {pair.client, POLLIN, 0};
  REQUIRE(poll(&readable, 1, 5000) == 1);
  SocketFacts facts;
  ProbeSocket(identity, &facts);
  CHECK(facts.poll_error.value == 1);
  char byte = 0;
  CHECK(recv(pair.client, &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
  ProbeSocket(identity, &facts);
  CHECK(facts.tcp_state.value == TCP_CLOSE);
  CHECK(facts.retransmits.value == 0);
  CHECK(facts.outq_bytes.value == 0);
  CHECK(facts.poll_error.value == 0);
  CHECK(facts.path_mtu_bytes.known);
}

TEST_CASE("a descriptor that was closed and given to another socket leaves everything unknown") {
  LoopbackPair pair;
  LoopbackPair other;
  REQUIRE(pair.Open());
  REQUIRE(other.Open());
  SocketIdentity identity;
  REQUIRE(IdentifySocket(pair.client, &identity));
  REQUIRE(dup2(other.client, pair.client) == pair.client);
  SocketFacts facts;
  ProbeSocket(identity, &facts);
  CHECK_FALSE(facts.tcp_state.known);
  CHECK_FALSE(facts.inq_bytes.known);
  CHECK_FALSE(facts.poll_error.known);
}

TEST_CASE("a UDP socket has queues but no TCP state, and a dual-stack one speaks IPv4") {
  const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  REQUIRE(fd >= 0);
  sockaddr_in6 peer = {};
  peer.sin6_family = AF_INET6;
  peer.sin6_port = htons(9);
  REQUIRE(inet_pton(AF_INET6, "::ffff:127.0.0.1", &peer.sin6_addr) == 1);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) == 0);
  SocketIdentity identity;
  REQUIRE(IdentifySocket(fd, &identity));
  CHECK_FALSE(identity.stream);
  CHECK(identity.peer.family == 4);
  CHECK(identity.peer.bytes[0] == 127);
  CHECK(identity.peer_loopback);
  SocketFacts facts;
  ProbeSocket(identity, &facts);
  CHECK_FALSE(facts.tcp_state.known);
  CHECK(facts.inq_bytes.known);
  CHECK(facts.path_mtu_bytes.known);
  RouteFacts route;
  ProbeRoute(identity, &route);
  CHECK(route.link_up.value == 1);
  CHECK(route.local_address_present.value == 1);
  CHECK(route.route_present.value == 1);
  close(fd);
}
