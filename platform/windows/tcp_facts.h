// What Windows' TCP statistics say of a connection, out of the bytes that SIO_TCP_INFO gives: pure, because Wine has no
// such question and the tests bring their own bytes.
//
// Thread rule: pure.
#ifndef WHYDROP_PLATFORM_WINDOWS_TCP_FACTS_H
#define WHYDROP_PLATFORM_WINDOWS_TCP_FACTS_H

#include <cstddef>
#include <cstdint>

#include "platform/socket_probe.h"

namespace whydrop::platform {

// TCP_INFO_v0 of Windows 10 1703. Later versions have the same beginning and add nothing that is asked for here.
struct WindowsTcpInfo {
  int32_t state;
  uint32_t mss;
  uint64_t connection_time_ms;
  uint8_t timestamps_enabled;
  uint32_t rtt_us, min_rtt_us;
  uint32_t bytes_in_flight;
  uint32_t cwnd, snd_wnd, rcv_wnd, rcv_buf;
  uint64_t bytes_out, bytes_in;
  uint32_t bytes_reordered, bytes_retrans, fast_retrans, dup_acks_in, timeout_episodes;
  uint8_t syn_retrans;
};
static_assert(offsetof(WindowsTcpInfo, rtt_us) == 20, "layout of TCP_INFO_v0");
static_assert(offsetof(WindowsTcpInfo, bytes_out) == 48, "layout of TCP_INFO_v0");
static_assert(offsetof(WindowsTcpInfo, timeout_episodes) == 80, "layout of TCP_INFO_v0");
static_assert(sizeof(WindowsTcpInfo) == 88, "layout of TCP_INFO_v0");

// Only fields that lie wholly in the first `size` bytes. Windows counts neither unanswered retransmissions nor the send
// queue, so those stay unknown.
void ReadTcpInfo(const WindowsTcpInfo& info, size_t size, SocketFacts* out);

}  // namespace whydrop::platform

#endif
