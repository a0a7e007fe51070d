// The questions about a route, asked by sockets of our own: connecting a datagram socket looks the route up and sends
// nothing.
#include <unistd.h>

#include <initializer_list>

#include "platform/linux/errno_status.h"
#include "platform/last_error.h"
#include "platform/linux/netlink.h"
#include "platform/linux/socket_address.h"
#include "platform/socket_probe.h"

namespace whydrop::platform {
namespace {

constexpr uint16_t kDiscardPort = 9;

int OpenDatagramSocket(const SocketAddress& address) {
  return socket(address.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void ProbeLocalAddress(const SocketAddress& local, Known* present) {
  SocketAddress any_port = local;
  any_port.port = 0;
  sockaddr_storage address;
  const socklen_t size = ToSystem(any_port, &address);
  if (size == 0) return;
  const int fd = OpenDatagramSocket(local);
  if (fd < 0) return;
  const int error = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : errno;
  close(fd);
  // ENODEV: the device of a link-local address is gone, and the address with it.
  if (error == 0) present->Set(1);
  if (error == EADDRNOTAVAIL || error == ENODEV) present->Set(0);
}

void ProbeWayTo(const SocketAddress& peer, Known* present) {
  SocketAddress target = peer;
  if (target.port == 0) target.port = kDiscardPort;
  sockaddr_storage address;
  const socklen_t size = ToSystem(target, &address);
  if (size == 0) return;
  const int fd = OpenDatagramSocket(peer);
  if (fd < 0) return;
  const int error = connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : errno;
  close(fd);
  switch (error) {
    case 0:
      present->Set(1);
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EACCES:         // a prohibiting route
    case EINVAL:         // a black-hole route
    case EADDRNOTAVAIL:  // a route, but no address of our own that could be used on it
    case ENODEV:
      present->Set(0);
      break;
    default:
      break;
  }
}

void ProbeLink(uint32_t interface_index, Known* up) {
  if (interface_index == 0) return;
  InterfaceFacts facts;
  up->Set(QueryInterface(interface_index, &facts) && facts.up ? 1 : 0);
}

}  // namespace

void ProbeRoute(const SocketIdentity& socket, RouteFacts* out) {
  const LastErrorKeeper keep_errno;
  *out = {};
  ProbeLink(socket.interface_index, &out->link_up);
  ProbeLocalAddress(socket.local, &out->local_address_present);
  ProbeWayTo(socket.peer, &out->route_present);
}

void ProbeDefaultRoute(RouteFacts* out) {
  const LastErrorKeeper keep_errno;
  *out = {};
  // Addresses reserved for documentation are in nobody's routing table, so they lead where everything unknown does.
  SocketAddress outside_v4;
  outside_v4.family = 4;
  const uint8_t documentation_v4[] = {192, 0, 2, 1};
  memcpy(outside_v4.bytes, documentation_v4, sizeof(documentation_v4));
  SocketAddress outside_v6;
  outside_v6.family = 6;
  const uint8_t documentation_v6[] = {0x20, 0x01, 0x0d, 0xb8};
  memcpy(outside_v6.bytes, documentation_v6, sizeof(documentation_v6));
  outside_v6.bytes[15] = 1;
  for (const SocketAddress& outside : {outside_v4, outside_v6}) {
    Known present;
    ProbeWayTo(outside, &present);
    if (present.known) out->route_present = present;
    if (!present.known || present.value == 0) continue;
    ProbeLink(RouteInterface(outside, SocketAddress{}), &out->link_up);
    return;
  }
}

}  // namespace whydrop::platform
