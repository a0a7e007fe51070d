#include "close_lab/topology.h"

#include <cstdlib>
#include <cstring>
#include <fstream>

namespace close_lab {
namespace {

constexpr int kRelayStartMs = 30000;

struct Replacement {
  const char* name;
  const char* ipv4;
  const char* ipv6;
};
constexpr Replacement kReplacements[] = {
    {"{c}", "10.0.1.2", "fd00:1::2"},
    {"{s}", "10.0.2.2", "fd00:2::2"},
    {"{gc}", "10.0.1.1", "fd00:1::1"},
    {"{gs}", "10.0.2.1", "fd00:2::1"},
    {"{c-new}", "10.0.1.9", "fd00:1::9"},
    {"{c-absent}", "10.0.1.77", "fd00:1::77"},
    {"{wide}", "24", "64"},
    {"{fresh}", "", "nodad"},
    {"{r-host}", "icmp-host-unreachable", "icmp6-addr-unreachable"},
    {"{r-net}", "icmp-net-unreachable", "icmp6-no-route"},
    {"{r-admin}", "icmp-admin-prohibited", "icmp6-adm-prohibited"},
    {"{r-port}", "icmp-port-unreachable", "icmp6-port-unreachable"},
    {"{too-big}", "-p icmp --icmp-type fragmentation-needed", "-p icmpv6 --icmpv6-type packet-too-big"},
};

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

bool RunIn(int network, const std::vector<std::string>& words, const std::string& input, std::string* error) {
  std::string output;
  const int status = samples::RunProgram(words, network, input, &output);
  if (status == 0) return true;
  if (!output.empty() && output.back() == '\n') output.pop_back();
  *error = Joined(words) + ": " + (status == 127 && output.empty() ? "cannot be run" : output);
  return false;
}

// Why a command fails in a network made for the try; "" when it works.
std::string Try(int network, const std::vector<std::string>& words) {
  std::string error;
  return RunIn(network, words, "", &error) ? "" : error;
}

}  // namespace

Abilities FindAbilities() {
  Abilities found;
  int error = 0;
  const samples::Descriptor network = samples::NewNetwork(&error);
  if (!network.valid()) {
    found.networks = std::string("no network namespaces (") + std::strerror(error) + "); root is needed";
    return found;
  }
  found.networks = Try(network.get(), {"ip", "link", "set", "lo", "up"});
  if (!found.networks.empty()) return found;
  for (const char* tool : {"iptables", "ip6tables"}) {
    for (const char* type : {"DROP", "REJECT"}) {
      if (found.firewall.empty()) found.firewall = Try(network.get(), {tool, "-A", "OUTPUT", "-p", "udp", "-j", type});
    }
  }
  found.conntrack = Try(network.get(), {"iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE"});
  if (found.conntrack.empty()) found.conntrack = Try(network.get(), {"conntrack", "-F"});
  found.destroy = Try(network.get(), {"ss", "-K", "dport", "=", "1"});
  found.relay = Try(network.get(), {"ip", "tuntap", "add", "dev", "lab0", "mode", "tun"});
  if (std::ifstream("/proc/sys/kernel/random/boot_id").fail()) found.boot = "the system tells no boot id";
  return found;
}

int Topology::network(Host host) const {
  switch (host) {
    case Host::kClient:
      return client_.get();
    case Host::kRouter:
      return router_.get();
    case Host::kServer:
      break;
  }
  return server_.get();
}

bool Topology::Batch(Host host, const std::string& lines, std::string* error) const {
  return RunIn(network(host), {"ip", family_ == Family::kIpv6 ? "-6" : "-4", "-batch", "-"}, Fill(lines), error);
}

bool Topology::Build(Family family, int rtt_ms, std::string* error) {
  family_ = family;
  client_address_ = Fill("{c}");
  server_address_ = Fill("{s}");
  int number = 0;
  for (samples::Descriptor* host : {&client_, &router_, &server_}) {
    *host = samples::NewNetwork(&number);
    if (!host->valid()) {
      *error = std::string("no network namespace: ") + std::strerror(number);
      return false;
    }
  }
  for (const Host host : {Host::kClient, Host::kRouter, Host::kServer}) {
    if (family == Family::kIpv6 && !QuietIpv6(host, error)) return false;
  }
  const std::string router = samples::PathOf(router_);
  const auto host_lines = [&](const std::string& own, const std::string& gateway, const std::string& routers_end) {
    return "link set lo up\nlink add eth0 type veth peer name " + routers_end + " netns " + router +
           "\nlink set eth0 up\naddress add " + own + "/{wide} dev eth0 {fresh}\nroute add default via " + gateway +
           "\n";
  };
  const std::string router_lines =
      "link set lo up\nlink set c0 up\nlink set s0 up\naddress add {gc}/{wide} dev c0 {fresh}\n"
      "address add {gs}/{wide} dev s0 {fresh}\n";
  const std::string forwarding = family == Family::kIpv6 ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward";
  return Batch(Host::kClient, host_lines("{c}", "{gc}", "c0"), error) &&
         Batch(Host::kServer, host_lines("{s}", "{gs}", "s0"), error) && Batch(Host::kRouter, router_lines, error) &&
         Sysctl(Host::kRouter, forwarding, "1", error) && (rtt_ms == 0 || StartRelay(rtt_ms, error));
}

// Duplicate address detection would keep the addresses of a new interface unusable for a second or two.
bool Topology::QuietIpv6(Host host, std::string* error) const {
  return Sysctl(host, "net/ipv6/conf/all/accept_dad", "0", error) &&
         Sysctl(host, "net/ipv6/conf/default/accept_dad", "0", error);
}

// What comes in from either side goes to one tunnel device, is held back by the relay, and comes in again from the
// other.
bool Topology::StartRelay(int rtt_ms, std::string* error) {
  samples::Place place;
  place.network = router_.get();
  int number = 0;
  std::string line;
  if (!relay_.Start({samples::OwnProgram(), "relay", std::to_string(rtt_ms / 2)}, place, &number) ||
      relay_.ReadLine(kRelayStartMs, &line) != samples::Child::Read::kLine || line != "ok") {
    *error = "the relay did not start: " + line;
    return false;
  }
  return Batch(Host::kRouter,
               "link set lab0 up\nlink set lab1 up\nrule add iif c0 lookup 100\nrule add iif s0 lookup 101\n"
               "route add default dev lab0 table 100\nroute add default dev lab1 table 101\n",
               error);
}

std::string Topology::Fill(const std::string& words) const {
  std::string text = words;
  for (const Replacement& replacement : kReplacements) {
    for (size_t at; (at = text.find(replacement.name)) != std::string::npos;) {
      text.replace(at, std::strlen(replacement.name), family_ == Family::kIpv6 ? replacement.ipv6 : replacement.ipv4);
    }
  }
  return text;
}

bool Topology::Tool(Host host, const std::vector<std::string>& words, std::string* error) const {
  return RunIn(network(host), words, "", error);
}

bool Topology::Ip(Host host, const std::vector<std::string>& words, std::string* error) const {
  std::vector<std::string> command = {"ip", family_ == Family::kIpv6 ? "-6" : "-4"};
  command.insert(command.end(), words.begin(), words.end());
  return Tool(host, command, error);
}

bool Topology::Firewall(Host host, const std::vector<std::string>& words, std::string* error) const {
  std::vector<std::string> command = {family_ == Family::kIpv6 ? "ip6tables" : "iptables", "-w"};
  command.insert(command.end(), words.begin(), words.end());
  return Tool(host, command, error);
}

bool Topology::Sysctl(Host host, const std::string& key, const std::string& value, std::string* error) const {
  const samples::ScopedNetwork inside(network(host));
  int number = 0;
  if (samples::WriteSystemFile("/proc/sys/" + key, value, &number)) return true;
  *error = key + ": " + std::strerror(number);
  return false;
}

}  // namespace close_lab
