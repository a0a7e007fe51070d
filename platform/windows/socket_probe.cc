#include "platform/socket_probe.h"

// clang-format off: the first two are needed by the third.
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mstcpip.h>
// clang-format on

#include "platform/last_error.h"
#include "platform/route.h"
#include "platform/socket_address.h"
#include "platform/windows/ip_helper.h"
#include "platform/windows/tcp_facts.h"

namespace whydrop::platform {
namespace {

constexpr int kIpMtu = 73;  // IP_MTU and IPV6_MTU: Windows 10 2004; older headers do not name them
constexpr int kIpv6Mtu = 72;

static_assert(sizeof(WindowsTcpInfo) == sizeof(TCP_INFO_v0), "layout of TCP_INFO_v0");

SOCKET System(intptr_t socket) { return static_cast<SOCKET>(socket); }

template <typename T>
bool GetOption(SOCKET socket, int level, int name, T* out) {
  int size = sizeof(T);
  return getsockopt(socket, level, name, reinterpret_cast<char*>(out), &size) == 0 && size == sizeof(T);
}

bool GetStream(SOCKET socket, bool* out) {
  int type = 0;
  if (!GetOption(socket, SOL_SOCKET, SO_TYPE, &type)) return false;
  *out = type == SOCK_STREAM;
  return true;
}

using NameFunction = int(WSAAPI*)(SOCKET, sockaddr*, int*);

// Family 0 if the socket has no such address.
SocketAddress AddressOf(SOCKET socket, NameFunction name) {
  sockaddr_storage address = {};
  int size = sizeof(address);
  if (name(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return FromSystem(address);
}

bool SameAddress(const SocketAddress& a, const SocketAddress& b) {
  return a.family == b.family && a.port == b.port && memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

// Windows gives a socket no number of its own, and a closed one's handle to the next that is made. The own address is
// unique to a connection and outlives it; the peer's may be gone.
bool IsThatSocket(const SocketIdentity& identity) {
  const SOCKET socket = System(identity.socket);
  bool stream = false;
  if (!GetStream(socket, &stream) || stream != identity.stream) return false;
  const SocketAddress peer = AddressOf(socket, getpeername);
  return SameAddress(AddressOf(socket, getsockname), identity.local) &&
         (peer.family == 0 || SameAddress(peer, identity.peer));
}

void ProbeTcp(SOCKET socket, SocketFacts* out) {
  DWORD version = 0;
  WindowsTcpInfo info = {};
  DWORD size = 0;
  if (WSAIoctl(socket, SIO_TCP_INFO, &version, sizeof(version), &info, sizeof(info), &size, nullptr, nullptr) == 0) {
    ReadTcpInfo(info, size, out);
  }
}

void ProbeOptions(const SocketIdentity& identity, SocketFacts* out) {
  const SOCKET socket = System(identity.socket);
  u_long unread = 0;
  if (ioctlsocket(socket, FIONREAD, &unread) == 0) out->inq_bytes.Set(static_cast<int64_t>(unread));
  linger wait = {};
  if (GetOption(socket, SOL_SOCKET, SO_LINGER, &wait)) {
    out->linger_zero.Set(wait.l_onoff != 0 && wait.l_linger == 0 ? 1 : 0);
  }
  DWORD mtu = 0;
  const bool v4 = identity.local.family == 4;
  if (GetOption(socket, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? kIpMtu : kIpv6Mtu, &mtu)) out->path_mtu_bytes.Set(mtu);
}

}  // namespace

void PrepareSocketProbes() { (void)GetIpHelper(); }

bool IdentifySocket(intptr_t socket, SocketIdentity* out) {
  const LastErrorKeeper keep_error;
  *out = {};
  SocketIdentity found;
  found.socket = socket;
  if (!GetStream(System(socket), &found.stream)) return false;
  found.local = AddressOf(System(socket), getsockname);
  if (found.local.family == 0) return false;  // neither IPv4 nor IPv6, or not bound
  found.peer = AddressOf(System(socket), getpeername);
  if (found.peer.family != 0) {
    InterfaceFacts facts;
    found.peer_loopback = IsLoopback(found.peer);
    found.interface_index = RouteInterface(found.peer, found.local);
    if (QueryInterface(found.interface_index, &facts)) found.tunnel = facts.tunnel;
  } else {
    Known route_present;
    found.interface_index = DefaultInterface(&route_present);
  }
  *out = found;
  return true;
}

void ProbeSocket(const SocketIdentity& socket, SocketFacts* out) {
  const LastErrorKeeper keep_error;
  *out = {};
  if (!IsThatSocket(socket)) return;
  if (socket.stream) ProbeTcp(System(socket.socket), out);
  ProbeOptions(socket, out);
  WSAPOLLFD query = {};
  query.fd = System(socket.socket);
  query.events = POLLRDNORM;
  if (WSAPoll(&query, 1, 0) >= 0) out->poll_error.Set((query.revents & POLLERR) != 0 ? 1 : 0);
}

}  // namespace whydrop::platform
