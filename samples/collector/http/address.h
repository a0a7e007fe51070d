// Addresses as the options and the rate limit need them. They are compared and never stored.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_ADDRESS_H
#define WHYDROP_COLLECTOR_ADDRESS_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace whydrop::collector {

struct Endpoint {
  std::string host;  // numeric
  uint16_t port = 0;
};

bool IsAddress(const std::string& text);
bool IsLoopback(const std::string& address);

// A range of addresses; IPv4 is kept as ::ffff:a.b.c.d, so that both families compare alike.
class Cidr {
 public:
  static bool Parse(const std::string& text, Cidr* out);
  bool Contains(const std::string& address) const;

 private:
  std::array<uint8_t, 16> bytes_{};
  unsigned bits_ = 128;
};

// The address itself for IPv4; the /64 for IPv6, since whoever has one address of it has them all.
std::string SenderGroup(const std::string& address);

// Who sent a request: the peer, or, if that is a trusted proxy, the last address of X-Forwarded-For that is none.
std::string SenderAddress(const std::string& peer, const std::string& forwarded_for, const std::vector<Cidr>& trusted);

}  // namespace whydrop::collector

#endif
