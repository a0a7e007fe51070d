// The functions of iphlpapi that are used, found when they are first asked for: Wine lacks some, and a missing one must
// not keep the game from starting.
//
// Thread rule: any thread.
#ifndef WHYDROP_PLATFORM_WINDOWS_IP_HELPER_H
#define WHYDROP_PLATFORM_WINDOWS_IP_HELPER_H

// clang-format off: the first two are needed by the others.
#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <netioapi.h>
// clang-format on

namespace whydrop::platform {

// nullptr: the system has it not.
struct IpHelper {
  decltype(&GetBestRoute2) best_route = nullptr;
  decltype(&GetBestInterfaceEx) best_interface = nullptr;
  decltype(&GetIfEntry2) interface_entry = nullptr;
  decltype(&NotifyIpInterfaceChange) watch_interfaces = nullptr;
  decltype(&NotifyUnicastIpAddressChange) watch_addresses = nullptr;
  decltype(&NotifyRouteChange2) watch_routes = nullptr;
  decltype(&CancelMibChangeNotify2) cancel_watch = nullptr;
};

const IpHelper& GetIpHelper();

}  // namespace whydrop::platform

#endif
