#include "platform/socket_probe.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>

#include "platform/last_error.h"
#include "platform/linux/errno_status.h"
#include "platform/route.h"
#include "platform/socket_address.h"

namespace whydrop::platform {
namespace {

// The kernel's struct tcp_info as of Linux 6.7, because the headers of a build machine are older than players' kernels.
// The kernel fills as much as it knows and says how much; fields only ever grow at the end.
struct KernelTcpInfo {
  uint8_t state, ca_state, retransmits, probes, backoff, options, wscale, flags;
  uint32_t rto, ato, snd_mss, rcv_mss;
  uint32_t unacked, sacked, lost, retrans, fackets;
  uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
  uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
  uint32_t rcv_rtt, rcv_space;
  uint32_t total_retrans;
  uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
  uint32_t segs_out, segs_in;
  uint32_t notsent_bytes, min_rtt, data_segs_in, data_segs_out;
  uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
  uint32_t delivered, delivered_ce;
  uint64_t bytes_sent, bytes_retrans;
  uint32_t dsack_dups, reord_seen;
  uint32_t rcv_ooopack, snd_wnd, rcv_wnd, rehash;
  uint16_t total_rto, total_rto_recoveries;
  uint32_t total_rto_time;
};
static_assert(offsetof(KernelTcpInfo, total_retrans) == 100, "layout of the kernel's tcp_info");
static_assert(offsetof(KernelTcpInfo, min_rtt) == 148, "layout of the kernel's tcp_info");
static_assert(offsetof(KernelTcpInfo, snd_wnd) == 228, "layout of the kernel's tcp_info");
static_assert(sizeof(KernelTcpInfo) == 248, "layout of the kernel's tcp_info");

constexpr int kTcpInfoOption = 11;  // TCP_INFO; its header clashes between the C library and the kernel
constexpr uint32_t kNoSample = UINT32_MAX;

int Descriptor(intptr_t socket) { return static_cast<int>(socket); }

template <typename T>
bool GetOption(int fd, int level, int name, T* out) {
  socklen_t size = sizeof(T);
  return getsockopt(fd, level, name, out, &size) == 0 && size == sizeof(T);
}

// Numbers above the int range of a descriptor would name another socket once cut.
bool GetCookie(intptr_t socket, uint64_t* out) {
  return socket >= 0 && socket <= INT32_MAX && GetOption(Descriptor(socket), SOL_SOCKET, SO_COOKIE, out);
}

// TCP counts a segment as sent before it hands it down, and takes its bytes for sent only when they went out: what is
// missing between the two never left. A handshake and the end of the stream are acknowledged without having been counted.
void ProbeRefused(int fd, const KernelTcpInfo& info, SocketFacts* out) {
  int outq = 0;
  if (ioctl(fd, SIOCOUTQ, &outq) != 0) return;
  const int64_t in_flight = int64_t{outq} - info.notsent_bytes;
  const auto tried = static_cast<int64_t>(info.bytes_sent - info.bytes_retrans);
  const int64_t refused = tried - static_cast<int64_t>(info.bytes_acked) - in_flight;
  out->refused_bytes.Set(refused > 0 ? refused : 0);
}

void ProbeTcp(int fd, SocketFacts* out) {
  KernelTcpInfo info = {};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, kTcpInfoOption, &info, &size) != 0) return;
  const auto set = [size, &info](Known* known, const auto& field) {
    const auto end = reinterpret_cast<const uint8_t*>(&field + 1) - reinterpret_cast<const uint8_t*>(&info);
    if (static_cast<size_t>(end) <= size) known->Set(static_cast<int64_t>(field));
  };
  set(&out->tcp_state, info.state);
  set(&out->retransmits, info.retransmits);
  set(&out->probes, info.probes);
  set(&out->backoff, info.backoff);
  set(&out->snd_mss_bytes, info.snd_mss);
  set(&out->unacked, info.unacked);
  set(&out->lost, info.lost);
  set(&out->last_data_sent_ms, info.last_data_sent);
  set(&out->last_data_recv_ms, info.last_data_recv);
  set(&out->last_ack_recv_ms, info.last_ack_recv);
  set(&out->total_retrans, info.total_retrans);
  set(&out->notsent_bytes, info.notsent_bytes);
  set(&out->snd_wnd_bytes, info.snd_wnd);
  set(&out->total_rto, info.total_rto);
  if (info.rtt != 0) set(&out->rtt_us, info.rtt);
  if (info.min_rtt != 0 && info.min_rtt != kNoSample) set(&out->min_rtt_us, info.min_rtt);
  // Replaced by the socket's own answer where that can be had: an aborted socket has none any more.
  if (info.pmtu != 0) set(&out->path_mtu_bytes, info.pmtu);
  if (size >= offsetof(KernelTcpInfo, dsack_dups)) ProbeRefused(fd, info, out);
}

void ProbeQueues(int fd, SocketFacts* out) {
  int value = 0;
  if (ioctl(fd, SIOCOUTQ, &value) == 0) out->outq_bytes.Set(value);
  if (ioctl(fd, SIOCINQ, &value) == 0) out->inq_bytes.Set(value);
}

}  // namespace

void PrepareSocketProbes() {}  // system calls only

bool IdentifySocket(intptr_t socket, SocketIdentity* out) {
  const LastErrorKeeper keep_errno;
  *out = {};
  SocketIdentity found;
  if (!GetCookie(socket, &found.cookie)) return false;
  const int fd = Descriptor(socket);
  int type = 0;
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (!GetOption(fd, SOL_SOCKET, SO_TYPE, &type)) return false;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  found.socket = socket;
  found.stream = type == SOCK_STREAM;
  found.local = FromSystem(address);
  if (found.local.family == 0) return false;  // neither IPv4 nor IPv6
  address = {};
  size = sizeof(address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) found.peer = FromSystem(address);
  if (found.peer.family != 0) {
    InterfaceFacts facts;
    found.peer_loopback = IsLoopback(found.peer);
    found.interface_index = RouteInterface(found.peer, found.local);
    if (QueryInterface(found.interface_index, &facts)) found.tunnel = facts.tunnel;
  } else {
    Known route_present;
    found.interface_index = DefaultInterface(&route_present);
  }
  *out = found;
  return true;
}

void ProbeSocket(const SocketIdentity& socket, SocketFacts* out) {
  const LastErrorKeeper keep_errno;
  *out = {};
  uint64_t cookie = 0;
  if (!GetCookie(socket.socket, &cookie) || cookie != socket.cookie) return;
  const int fd = Descriptor(socket.socket);
  if (socket.stream) ProbeTcp(fd, out);
  ProbeQueues(fd, out);
  linger wait = {};
  if (GetOption(fd, SOL_SOCKET, SO_LINGER, &wait))
    out->linger_zero.Set(wait.l_onoff != 0 && wait.l_linger == 0 ? 1 : 0);
  int mtu = 0;
  const bool v4 = socket.local.family == 4;
  if (GetOption(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu)) out->path_mtu_bytes.Set(mtu);
  pollfd query = {fd, 0, 0};
  if (poll(&query, 1, 0) >= 0) out->poll_error.Set((query.revents & POLLERR) != 0 ? 1 : 0);
}

}  // namespace whydrop::platform
