#include "platform/windows/network_events.h"

namespace whydrop::platform {
namespace {

using Type = NetworkEvent::Type;

// Changed parameters (a lifetime, a metric) are no event.
bool Report(MIB_NOTIFICATION_TYPE type, Type added, Type removed, NET_IFINDEX index, NetworkEvent* out) {
  if (type != MibAddInstance && type != MibDeleteInstance) return false;
  *out = {type == MibAddInstance ? added : removed, index};
  return true;
}

}  // namespace

bool EventOfAddress(const MIB_UNICASTIPADDRESS_ROW& row, MIB_NOTIFICATION_TYPE type, NetworkEvent* out) {
  return Report(type, Type::kAddressAdded, Type::kAddressRemoved, row.InterfaceIndex, out);
}

// Only default routes: others come and go with every virtual machine and multicast group.
bool EventOfRoute(const MIB_IPFORWARD_ROW2& row, MIB_NOTIFICATION_TYPE type, NetworkEvent* out) {
  return row.DestinationPrefix.PrefixLength == 0 &&
         Report(type, Type::kRouteAdded, Type::kRouteRemoved, row.InterfaceIndex, out);
}

}  // namespace whydrop::platform
