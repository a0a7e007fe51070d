// Watches devices, addresses and default routes. A local fault gives an existing TCP socket no error of its own, only
// silence; the system (netlink, iphlpapi) tells of it within half a second.
//
// Thread rule: one thread, the worker.
#ifndef WHYDROP_PLATFORM_NETWORK_WATCH_H
#define WHYDROP_PLATFORM_NETWORK_WATCH_H

#include <cstdint>

#include "platform/status.h"

namespace whydrop::platform {

struct NetworkEvent {
  // Values of whydrop.v1.Event.Type.
  enum class Type : int32_t {
    kLinkDown = 7,
    kLinkUp = 8,
    kAddressRemoved = 9,
    kAddressAdded = 10,
    kRouteRemoved = 11,
    kRouteAdded = 12,
  };
  Type type = Type::kLinkUp;
  uint32_t interface_index = 0;
};

class NetworkWatch {
 public:
  NetworkWatch() = default;
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  Status Open();
  // For Waiter::Wait: readable when events wait; -1 if closed, by a game that closes everything too.
  intptr_t wait_handle() const;
  // Takes the events that wait and hands each to `sink`; never blocks. Returns false when events were lost (the system's
  // buffer ran over): the caller then asks about what it cares for.
  using Sink = void (*)(const NetworkEvent& event, void* user);
  bool Take(Sink sink, void* user);

  // Whether the device, and the one below it where it has one, is up and has a carrier now. Unknown devices are down.
  static bool IsLinkUp(uint32_t interface_index);

 private:
  intptr_t handle_ = -1;  // the netlink socket, or what the system's callbacks fill
  uint64_t named_ = 0;    // by the handle, where a game may close it (linux/own_descriptor.h)
};

}  // namespace whydrop::platform

#endif
