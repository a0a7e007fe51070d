// The parts of a look at a route that each system answers in its own way.
//
// Thread rule: any thread; sends no packet; does not keep the last error.
#ifndef WHYDROP_PLATFORM_ROUTE_H
#define WHYDROP_PLATFORM_ROUTE_H

#include <cstdint>

#include "platform/socket_probe.h"

namespace whydrop::platform {

// The device a packet from `local` (family 0: any) to `peer` would leave by; 0 if there is no route.
uint32_t RouteInterface(const SocketAddress& peer, const SocketAddress& local);

// The device of the default route; 0: none. Sets *route_present if that can be told.
uint32_t DefaultInterface(Known* route_present);

// False: there is no such device.
struct InterfaceFacts {
  bool up = false;  // and has a carrier
  bool tunnel = false;
};
bool QueryInterface(uint32_t interface_index, InterfaceFacts* out);

// By a socket of our own that is bound to it.
Known IsLocalAddress(const SocketAddress& address);
// By a datagram socket of our own that is connected, which looks the route up.
Known HasRoute(const SocketAddress& peer);

}  // namespace whydrop::platform

#endif
