// Between SocketAddress and the system's address structures, which have the same names everywhere: the system's socket
// headers are to be included before this one.
#ifndef WHYDROP_PLATFORM_SOCKET_ADDRESS_H
#define WHYDROP_PLATFORM_SOCKET_ADDRESS_H

#include <cstring>

#include "platform/socket_probe.h"

namespace whydrop::platform {

// An IPv4 address in IPv6 clothes (a dual-stack socket) is an IPv4 address.
inline SocketAddress FromSystem(const sockaddr_storage& from) {
  SocketAddress address;
  if (from.ss_family == AF_INET) {
    sockaddr_in in = {};
    memcpy(&in, &from, sizeof(in));
    address.family = 4;
    address.port = ntohs(in.sin_port);
    memcpy(address.bytes, &in.sin_addr, 4);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 in = {};
    memcpy(&in, &from, sizeof(in));
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
    address.family = mapped ? 4 : 6;
    address.port = ntohs(in.sin6_port);
    address.scope_id = mapped ? 0 : in.sin6_scope_id;
    memcpy(address.bytes, in.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
  }
  return address;
}

inline bool IsLoopback(const SocketAddress& address) {
  if (address.family == 4) return address.bytes[0] == 127;
  static constexpr uint8_t kLoopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return address.family == 6 && memcmp(address.bytes, kLoopback6, sizeof(kLoopback6)) == 0;
}

// Returns the size of what was filled in; 0 for an address of no family.
inline socklen_t ToSystem(const SocketAddress& from, sockaddr_storage* out) {
  *out = {};
  if (from.family == 4) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(from.port);
    memcpy(&in.sin_addr, from.bytes, 4);
    memcpy(out, &in, sizeof(in));
    return sizeof(in);
  }
  if (from.family == 6) {
    sockaddr_in6 in = {};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(from.port);
    in.sin6_scope_id = from.scope_id;
    memcpy(in.sin6_addr.s6_addr, from.bytes, 16);
    memcpy(out, &in, sizeof(in));
    return sizeof(in);
  }
  return 0;
}

}  // namespace whydrop::platform

#endif
