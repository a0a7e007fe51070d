#include <cstring>
#include <initializer_list>

#include "platform/last_error.h"
#include "platform/route.h"
#include "platform/socket_probe.h"

namespace whydrop::platform {
namespace {

void ProbeLink(uint32_t interface_index, Known* up) {
  if (interface_index == 0) return;
  InterfaceFacts facts;
  up->Set(QueryInterface(interface_index, &facts) && facts.up ? 1 : 0);
}

}  // namespace

uint32_t DefaultInterface(Known* route_present) {
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
    const Known present = HasRoute(outside);
    if (present.known) *route_present = present;
    if (present.known && present.value != 0) return RouteInterface(outside, SocketAddress{});
  }
  return 0;
}

void ProbeRoute(const SocketIdentity& socket, RouteFacts* out) {
  const LastErrorKeeper keep_error;
  *out = {};
  ProbeLink(socket.interface_index, &out->link_up);
  out->local_address_present = IsLocalAddress(socket.local);
  if (socket.peer.family != 0) {
    out->route_present = HasRoute(socket.peer);
  } else {
    DefaultInterface(&out->route_present);
  }
}

void ProbeDefaultRoute(RouteFacts* out) {
  const LastErrorKeeper keep_error;
  *out = {};
  ProbeLink(DefaultInterface(&out->route_present), &out->link_up);
}

}  // namespace whydrop::platform
