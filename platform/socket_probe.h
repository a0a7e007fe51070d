// What the system knows about a game's socket, taken by calls that consume nothing and change nothing: TCP_INFO, SIOCINQ,
// SIOCOUTQ, getsockname, getpeername, SO_TYPE, SO_LINGER, IP_MTU, SO_COOKIE, and poll with no time-out. Never SO_ERROR,
// MSG_ERRQUEUE, recv or setsockopt: the first of those would take the one-shot error away from the game.
//
// Thread rule: any thread; keeps errno; allocates nothing; about ten system calls.
#ifndef WHYDROP_PLATFORM_SOCKET_PROBE_H
#define WHYDROP_PLATFORM_SOCKET_PROBE_H

#include <cstdint>

namespace whydrop::platform {

// A value that may be unknown.
struct Known {
  bool known = false;
  int64_t value = 0;
  void Set(int64_t v) {
    known = true;
    value = v;
  }
};

struct SocketAddress {
  uint8_t family = 0;  // 0 none, 4 or 6
  uint16_t port = 0;   // host order
  uint32_t scope_id = 0;
  uint8_t bytes[16] = {};  // network order; the first 4 for IPv4
};

// What is learnt when the connection stands, and asked about again at its end.
struct SocketIdentity {
  intptr_t socket = -1;
  uint64_t cookie = 0;  // SO_COOKIE: tells a closed and reused descriptor
  bool stream = false;
  SocketAddress local;
  SocketAddress peer;
  // The device that holds the local address and the route to the peer, without a peer the default route's; 0 unknown.
  uint32_t interface_index = 0;
  bool peer_loopback = false;
  bool tunnel = false;  // the device is a tunnel (tun, wireguard, ppp)
};

struct SocketFacts {
  Known tcp_state, retransmits, probes, backoff, total_rto, total_retrans, unacked, lost;
  Known notsent_bytes, snd_wnd_bytes, snd_mss_bytes, path_mtu_bytes;
  Known refused_bytes;  // handed down by TCP and not let out by this machine, in the connection's life
  Known last_ack_recv_ms, last_data_recv_ms, last_data_sent_ms;
  Known rtt_us, min_rtt_us;
  Known outq_bytes, inq_bytes;
  Known linger_zero, poll_error;
};

struct RouteFacts {
  Known link_up;                // the socket's device is up and has a carrier
  Known local_address_present;  // the socket's local address still exists
  Known route_present;          // a route to the peer exists
};

// Loads what the others ask the system with, so that no recording call does. Not for recording calls itself.
void PrepareSocketProbes();
// False: no socket, or none that can be asked.
bool IdentifySocket(intptr_t socket, SocketIdentity* out);
// Leaves everything unknown when the descriptor is no longer that socket.
void ProbeSocket(const SocketIdentity& socket, SocketFacts* out);
// By sockets of our own; sends no packet. Of a socket that is connected to nobody: the default route's.
void ProbeRoute(const SocketIdentity& socket, RouteFacts* out);
// The same for the default route, for a connection that never stood.
void ProbeDefaultRoute(RouteFacts* out);

}  // namespace whydrop::platform

#endif
