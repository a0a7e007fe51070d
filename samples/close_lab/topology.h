// Three hosts in network namespaces: client - router - server. Made for one case and gone with the object.
#ifndef SAMPLES_CLOSE_LAB_TOPOLOGY_H
#define SAMPLES_CLOSE_LAB_TOPOLOGY_H

#include <string>
#include <vector>

#include "common/child.h"

namespace close_lab {

enum class Family { kIpv4, kIpv6 };
enum class Host { kClient, kRouter, kServer };

// What the kernel and its tools allow here; "" for each that works, else why not.
struct Abilities {
  std::string networks, firewall, conntrack, destroy, relay, boot;
};
Abilities FindAbilities();

class Topology {
 public:
  // With rtt_ms a relay in the router holds every packet back for half of that time, unchanged.
  bool Build(Family family, int rtt_ms, std::string* error);

  int network(Host host) const;
  const std::string& address(Host host) const { return host == Host::kClient ? client_address_ : server_address_; }

  // Puts this family's words in place of {c}, {s} (client, server), {gc}, {gs} (the router towards each), {c-new},
  // {c-absent} (free addresses beside the client), {wide} (a prefix length), {fresh} (a flag of new addresses),
  // {r-host} {r-net} {r-admin} {r-port} (kinds of ICMP rejection) and {too-big} (a firewall's match for the router's
  // word that a packet is too large).
  std::string Fill(const std::string& text) const;

  // Tools inside a host. The family's flag or tool is chosen here.
  bool Ip(Host host, const std::vector<std::string>& words, std::string* error) const;
  bool Firewall(Host host, const std::vector<std::string>& words, std::string* error) const;
  bool Tool(Host host, const std::vector<std::string>& words, std::string* error) const;
  bool Sysctl(Host host, const std::string& key, const std::string& value, std::string* error) const;

 private:
  bool Batch(Host host, const std::string& lines, std::string* error) const;
  bool QuietIpv6(Host host, std::string* error) const;
  bool StartRelay(int rtt_ms, std::string* error);

  Family family_ = Family::kIpv4;
  samples::Descriptor client_, router_, server_;
  std::string client_address_, server_address_, client_gateway_, server_gateway_;
  samples::Child relay_;
};

}  // namespace close_lab

#endif
