// The Windows side of socket_probe_test.cc and network_test.cc. Under Wine the sockets below are Linux': what differs
// from Windows is said in its place.
#include <doctest/doctest.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <string>

#include "platform/identity.h"
#include "platform/network_watch.h"
#include "platform/socket_probe.h"

using namespace whydrop::platform;  // NOLINT

namespace {

const struct Winsock {
  Winsock() {
    WSADATA data = {};
    WSAStartup(MAKEWORD(2, 2), &data);
  }
} winsock;

sockaddr_in Loopback() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

struct Pair {
  SOCKET client = INVALID_SOCKET;
  SOCKET server = INVALID_SOCKET;

  bool Open() {
    sockaddr_in address = Loopback();
    int size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    const SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    const bool ok = bind(listener, plain, size) == 0 && listen(listener, 1) == 0 &&
                    getsockname(listener, plain, &size) == 0 && connect(client, plain, size) == 0;
    if (ok) server = accept(listener, nullptr, nullptr);
    closesocket(listener);
    return server != INVALID_SOCKET;
  }
  void CloseServer() {
    closesocket(server);
    server = INVALID_SOCKET;
  }
  void ResetByServer() {
    const linger zero = {1, 0};
    setsockopt(server, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&zero), sizeof zero);
    CloseServer();
  }
  ~Pair() {
    if (client != INVALID_SOCKET) closesocket(client);
    if (server != INVALID_SOCKET) closesocket(server);
  }
};

intptr_t Number(SOCKET socket) { return static_cast<intptr_t>(socket); }

bool WaitReadable(SOCKET socket) {
  WSAPOLLFD query = {};
  query.fd = socket;
  query.events = POLLRDNORM;
  return WSAPoll(&query, 1, 5000) == 1;
}

}  // namespace

TEST_CASE("a connection is identified with addresses and device, and the last error is kept") {
  Pair pair;
  REQUIRE(pair.Open());
  SocketIdentity identity;
  WSASetLastError(12345);
  REQUIRE(IdentifySocket(Number(pair.client), &identity));
  CHECK(WSAGetLastError() == 12345);
  CHECK(identity.stream);
  CHECK(identity.local.family == 4);
  CHECK(identity.peer.bytes[0] == 127);
  CHECK(identity.peer.port != 0);
  CHECK(identity.peer_loopback);
  CHECK(identity.interface_index != 0);
  CHECK_FALSE(identity.tunnel);
  CHECK(NetworkWatch::IsLinkUp(identity.interface_index));
  CHECK_FALSE(NetworkWatch::IsLinkUp(99999));
  CHECK_FALSE(IdentifySocket(-1, &identity));
  CHECK_FALSE(IdentifySocket(0, &identity));
}

TEST_CASE("the receive queue and the linger option are seen, and the probe takes nothing") {
  Pair pair;
  REQUIRE(pair.Open());
  SocketIdentity identity;
  REQUIRE(IdentifySocket(Number(pair.client), &identity));
  REQUIRE(send(pair.server, "hello", 5, 0) == 5);
  REQUIRE(WaitReadable(pair.client));
  const linger zero = {1, 0};
  REQUIRE(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&zero), sizeof zero) == 0);
  SocketFacts facts;
  WSASetLastError(12345);
  ProbeSocket(identity, &facts);
  CHECK(WSAGetLastError() == 12345);
  CHECK(facts.inq_bytes.value == 5);
  CHECK(facts.linger_zero.value == 1);
  CHECK(facts.poll_error.known);
  CHECK(facts.poll_error.value == 0);
  CHECK_FALSE(facts.outq_bytes.known);
  CHECK_FALSE(facts.retransmits.known);
  // Wine has no TCP statistics at all.
  CHECK(facts.tcp_state.known == (CurrentSystem() == SystemKind::kWindows));
  char bytes[8];
  CHECK(recv(pair.client, bytes, sizeof bytes, 0) == 5);
}

// Under Wine recv returns 0 in both cases; only the poll tells them apart.
TEST_CASE("a reset is a poll error, before and after the game read it, and a close is none") {
  Pair reset;
  Pair closed;
  REQUIRE(reset.Open());
  REQUIRE(closed.Open());
  SocketIdentity identity;
  SocketFacts facts;
  char byte = 0;

  REQUIRE(IdentifySocket(Number(reset.client), &identity));
  reset.ResetByServer();
  REQUIRE(WaitReadable(reset.client));
  ProbeSocket(identity, &facts);
  CHECK(facts.poll_error.value == 1);
  CHECK(recv(reset.client, &byte, 1, 0) <= 0);
  ProbeSocket(identity, &facts);
  CHECK(facts.poll_error.value == 1);

  REQUIRE(IdentifySocket(Number(closed.client), &identity));
  closed.CloseServer();
  REQUIRE(WaitReadable(closed.client));
  ProbeSocket(identity, &facts);
  CHECK(facts.poll_error.value == 0);
  CHECK(recv(closed.client, &byte, 1, 0) == 0);
  ProbeSocket(identity, &facts);
  CHECK(facts.poll_error.known);
  CHECK(facts.poll_error.value == 0);
}

TEST_CASE("a handle that was closed and given to another socket leaves everything unknown") {
  Pair pair;
  REQUIRE(pair.Open());
  SocketIdentity identity;
  REQUIRE(IdentifySocket(Number(pair.client), &identity));
  closesocket(pair.client);
  SocketFacts facts;
  ProbeSocket(identity, &facts);
  CHECK_FALSE(facts.inq_bytes.known);
  // The next one mostly gets the same number. Where it does not, the socket of that number is still closed.
  Pair other;
  REQUIRE(other.Open());
  pair.client = INVALID_SOCKET;
  ProbeSocket(identity, &facts);
  CHECK_FALSE(facts.inq_bytes.known);
  CHECK_FALSE(facts.poll_error.known);
  // Surely the same number, of a socket with other addresses.
  REQUIRE(IdentifySocket(Number(other.client), &identity));
  ++identity.local.port;
  ProbeSocket(identity, &facts);
  CHECK_FALSE(facts.inq_bytes.known);
}

TEST_CASE("a UDP socket has a queue but no TCP state, and a dual-stack one speaks IPv4") {
  const SOCKET socket = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, nullptr, 0, 0);
  REQUIRE(socket != INVALID_SOCKET);
  DWORD no = 0;
  REQUIRE(setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, reinterpret_cast<const char*>(&no), sizeof no) == 0);
  sockaddr_in6 peer = {};
  peer.sin6_family = AF_INET6;
  peer.sin6_port = htons(9);
  const uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  memcpy(&peer.sin6_addr, mapped, sizeof mapped);
  REQUIRE(connect(socket, reinterpret_cast<sockaddr*>(&peer), sizeof peer) == 0);
  SocketIdentity identity;
  REQUIRE(IdentifySocket(Number(socket), &identity));
  CHECK_FALSE(identity.stream);
  CHECK(identity.peer.family == 4);
  CHECK(identity.peer_loopback);
  SocketFacts facts;
  ProbeSocket(identity, &facts);
  CHECK_FALSE(facts.tcp_state.known);
  CHECK(facts.inq_bytes.known);
  RouteFacts route;
  ProbeRoute(identity, &route);
  CHECK(route.link_up.value == 1);
  CHECK(route.local_address_present.value == 1);
  CHECK(route.route_present.value == 1);
  closesocket(socket);
}

TEST_CASE("an address that is not this machine's is seen as gone") {
  Pair pair;
  REQUIRE(pair.Open());
  SocketIdentity identity;
  REQUIRE(IdentifySocket(Number(pair.client), &identity));
  const uint8_t elsewhere[4] = {192, 0, 2, 77};
  memcpy(identity.local.bytes, elsewhere, sizeof elsewhere);
  RouteFacts route;
  ProbeRoute(identity, &route);
  REQUIRE(route.local_address_present.known);
  CHECK(route.local_address_present.value == 0);
}

TEST_CASE("the network watch opens, has something to wait on, and takes what there is without waiting") {
  NetworkWatch watch;
  CHECK(watch.wait_handle() == -1);
  REQUIRE(watch.Open().ok());
  CHECK(watch.Open().ok());
  CHECK(watch.wait_handle() != -1);
  const auto ignore = [](const NetworkEvent&, void*) {};
  // Wine never tells, so there the first look asks for the state of the links, and the next right after it does not.
  CHECK(watch.Take(ignore, nullptr) == (CurrentSystem() == SystemKind::kWindows));
  CHECK(watch.Take(ignore, nullptr));
}
