#include "platform/windows/tcp_facts.h"

#include <iterator>

namespace whydrop::platform {
namespace {

// The numbers of Linux by those of Windows, which count from CLOSED to TIME_WAIT. 0: no such state.
constexpr int kLinuxStates[] = {7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6};
constexpr uint32_t kNoSample = UINT32_MAX;

}  // namespace

void ReadTcpInfo(const WindowsTcpInfo& info, size_t size, SocketFacts* out) {
  const auto has = [size, &info](const auto& field) {
    const auto end = reinterpret_cast<const uint8_t*>(&field + 1) - reinterpret_cast<const uint8_t*>(&info);
    return static_cast<size_t>(end) <= size;
  };
  if (has(info.state) && info.state >= 0 && static_cast<size_t>(info.state) < std::size(kLinuxStates)) {
    out->tcp_state.Set(kLinuxStates[info.state]);
  }
  if (has(info.mss)) out->snd_mss_bytes.Set(info.mss);
  if (has(info.rtt_us) && info.rtt_us != 0) out->rtt_us.Set(info.rtt_us);
  if (has(info.min_rtt_us) && info.min_rtt_us != 0 && info.min_rtt_us != kNoSample) {
    out->min_rtt_us.Set(info.min_rtt_us);
  }
  if (has(info.snd_wnd)) out->snd_wnd_bytes.Set(info.snd_wnd);
  if (has(info.timeout_episodes)) out->total_rto.Set(info.timeout_episodes);
}

}  // namespace whydrop::platform
