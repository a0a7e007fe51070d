// What the notifications of iphlpapi mean: pure, so that those which Wine never sends are tested.
//
// Thread rule: pure.
#ifndef WHYDROP_PLATFORM_WINDOWS_NETWORK_EVENTS_H
#define WHYDROP_PLATFORM_WINDOWS_NETWORK_EVENTS_H

#include "platform/network_watch.h"
#include "platform/windows/ip_helper.h"

namespace whydrop::platform {

// False: nothing that is reported.
bool EventOfAddress(const MIB_UNICASTIPADDRESS_ROW& row, MIB_NOTIFICATION_TYPE type, NetworkEvent* out);
bool EventOfRoute(const MIB_IPFORWARD_ROW2& row, MIB_NOTIFICATION_TYPE type, NetworkEvent* out);

}  // namespace whydrop::platform

#endif
