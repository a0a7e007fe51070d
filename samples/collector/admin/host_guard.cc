#include "samples/collector/admin/host_guard.h"

#include <utility>

#include "samples/collector/http/address.h"

namespace whydrop::collector {
namespace {

std::string NameOf(const std::string& host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  std::string name = host;
  if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) name.resize(colon);
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  if (!name.empty() && name.back() == '.') name.pop_back();
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return name;
}

}  // namespace

HostGuard::HostGuard(const std::string& listen_host, std::set<std::string> names)
    : any_name_(!IsLoopback(listen_host) && names.empty()), names_(std::move(names)) {
  names_.insert("localhost");
}

bool HostGuard::Allows(const std::string& host) const {
  const std::string name = NameOf(host);
  return any_name_ || host.empty() || IsAddress(name) || names_.count(name) != 0;
}

}  // namespace whydrop::collector
