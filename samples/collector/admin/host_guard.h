// Which Host names the admin address answers to. A web page anywhere can have its own name resolve to 127.0.0.1 (DNS
// rebinding) and would then read a loopback address that has no password, as its own origin; its Host header gives it
// away.
//
// Thread rule: a plain value.
#ifndef WHYDROP_COLLECTOR_HOST_GUARD_H
#define WHYDROP_COLLECTOR_HOST_GUARD_H

#include <set>
#include <string>

namespace whydrop::collector {

class HostGuard {
 public:
  // `listen_host` is the numeric address listened on, `names` are allowed beside it, in lower case.
  HostGuard(const std::string& listen_host, std::set<std::string> names);

  // `host` is the header as it came: a name or an address, with or without a port. An address is nobody's to rebind, so
  // it is always allowed, and so is a missing header, which no browser leaves out. Names are limited on loopback, and
  // elsewhere once one was configured.
  bool Allows(const std::string& host) const;

 private:
  bool any_name_;
  std::set<std::string> names_;
};

}  // namespace whydrop::collector

#endif
