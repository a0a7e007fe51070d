#include "platform/route.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include "platform/socket_address.h"
#include "platform/windows/ip_helper.h"

namespace whydrop::platform {
namespace {

constexpr uint16_t kDiscardPort = 9;
constexpr IFTYPE kTunnelTypes[] = {IF_TYPE_PPP, IF_TYPE_PROP_VIRTUAL /* wireguard and other VPNs */, IF_TYPE_TUNNEL};

bool ToInet(const SocketAddress& from, SOCKADDR_INET* out) {
  sockaddr_storage address;
  *out = {};
  const socklen_t size = ToSystem(from, &address);
  if (size != 0) memcpy(out, &address, sizeof(*out));
  return size != 0;
}

// 0, or the error of `step` (bind or connect) on a socket of our own. -1: not to be had.
int TryStep(const SocketAddress& to, int type, int(WSAAPI* step)(SOCKET, const sockaddr*, int)) {
  sockaddr_storage address;
  const socklen_t size = ToSystem(to, &address);
  if (size == 0) return -1;
  const SOCKET socket = WSASocketW(address.ss_family, type, 0, nullptr, 0, WSA_FLAG_NO_HANDLE_INHERIT);
  if (socket == INVALID_SOCKET) return -1;
  const int error = step(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : WSAGetLastError();
  closesocket(socket);
  return error;
}

}  // namespace

uint32_t RouteInterface(const SocketAddress& peer, const SocketAddress& local) {
  const IpHelper& helper = GetIpHelper();
  SOCKADDR_INET to, from, best_source = {};
  // A device that cannot be asked about would pass for one that is gone.
  if (helper.interface_entry == nullptr || !ToInet(peer, &to)) return 0;
  const bool has_source = local.family == peer.family && ToInet(local, &from);
  MIB_IPFORWARD_ROW2 row = {};
  if (helper.best_route != nullptr &&
      helper.best_route(nullptr, 0, has_source ? &from : nullptr, &to, 0, &row, &best_source) == NO_ERROR) {
    return row.InterfaceIndex;
  }
  DWORD index = 0;
  const bool found =
      helper.best_interface != nullptr && helper.best_interface(reinterpret_cast<sockaddr*>(&to), &index) == NO_ERROR;
  return found ? index : 0;
}

bool QueryInterface(uint32_t interface_index, InterfaceFacts* out) {
  *out = {};
  const IpHelper& helper = GetIpHelper();
  MIB_IF_ROW2 row = {};
  row.InterfaceIndex = interface_index;
  if (interface_index == 0 || helper.interface_entry == nullptr || helper.interface_entry(&row) != NO_ERROR)
    return false;
  out->up = row.OperStatus == IfOperStatusUp && row.MediaConnectState != MediaConnectStateDisconnected;
  for (const IFTYPE type : kTunnelTypes) out->tunnel = out->tunnel || row.Type == type;
  return true;
}

Known IsLocalAddress(const SocketAddress& address) {
  Known present;
  SocketAddress any_port = address;
  any_port.port = 0;
  // Wine binds a datagram socket to any address.
  const int error = TryStep(any_port, SOCK_STREAM, bind);
  if (error == 0) present.Set(1);
  if (error == WSAEADDRNOTAVAIL) present.Set(0);
  return present;
}

Known HasRoute(const SocketAddress& peer) {
  Known present;
  SocketAddress target = peer;
  if (target.port == 0) target.port = kDiscardPort;
  switch (TryStep(target, SOCK_DGRAM, connect)) {
    case 0:
      present.Set(1);
      break;
    case WSAENETUNREACH:
    case WSAEHOSTUNREACH:
    case WSAENETDOWN:
    case WSAEADDRNOTAVAIL:  // a route, but no address of our own that could be used on it
      present.Set(0);
      break;
    default:
      break;
  }
  return present;
}

}  // namespace whydrop::platform
