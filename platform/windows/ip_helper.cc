#include "platform/windows/ip_helper.h"

#include "platform/process.h"

namespace whydrop::platform {
namespace {

template <typename Function>
void Find(void* library, const char* name, Function* out) {
  *out = reinterpret_cast<Function>(FindSymbol(library, name));
}

IpHelper LoadIpHelper() {
  static const char* const kNames[] = {"iphlpapi.dll"};
  void* library = LoadLibraryByName(kNames, 1);
  IpHelper helper;
  Find(library, "GetBestRoute2", &helper.best_route);
  Find(library, "GetBestInterfaceEx", &helper.best_interface);
  Find(library, "GetIfEntry2", &helper.interface_entry);
  Find(library, "NotifyIpInterfaceChange", &helper.watch_interfaces);
  Find(library, "NotifyUnicastIpAddressChange", &helper.watch_addresses);
  Find(library, "NotifyRouteChange2", &helper.watch_routes);
  Find(library, "CancelMibChangeNotify2", &helper.cancel_watch);
  return helper;
}

}  // namespace

const IpHelper& GetIpHelper() {
  static const IpHelper helper = LoadIpHelper();
  return helper;
}

}  // namespace whydrop::platform
