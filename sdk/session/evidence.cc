// What is known about a connection at the moment the game reports its failure or its end: the socket's own facts, the
// state of link, address and route, and what the session counted. Everything here runs on the caller's thread.
#include "core/evidence.h"

#include "platform/clock.h"
#include "session/session.h"
#include "session/standstill.h"

namespace whydrop {
namespace {

using platform::Known;
using platform::RouteFacts;
using platform::SocketFacts;

// An end this soon after a freeze belongs to it.
constexpr uint64_t kWakeMs = 1000;
// An acknowledgement this old with data waiting: the close hides a silence that route and link may explain.
constexpr int64_t kSilentAckMs = 3000;

void Add(Field field, const Known& fact, Evidence* evidence) {
  if (fact.known) evidence->Set(field, fact.value);
}

void AddSocketFacts(const SocketFacts& facts, Evidence* evidence) {
  static constexpr struct {
    Field field;
    Known SocketFacts::*fact;
  } kFacts[] = {
      {Field::tcp_state, &SocketFacts::tcp_state},
      {Field::retransmits, &SocketFacts::retransmits},
      {Field::probes, &SocketFacts::probes},
      {Field::backoff, &SocketFacts::backoff},
      {Field::total_rto, &SocketFacts::total_rto},
      {Field::total_retrans, &SocketFacts::total_retrans},
      {Field::unacked, &SocketFacts::unacked},
      {Field::lost, &SocketFacts::lost},
      {Field::notsent_bytes, &SocketFacts::notsent_bytes},
      {Field::refused_bytes, &SocketFacts::refused_bytes},
      {Field::snd_wnd_bytes, &SocketFacts::snd_wnd_bytes},
      {Field::snd_mss_bytes, &SocketFacts::snd_mss_bytes},
      {Field::path_mtu_bytes, &SocketFacts::path_mtu_bytes},
      {Field::last_ack_recv_ms, &SocketFacts::last_ack_recv_ms},
      {Field::last_data_recv_ms, &SocketFacts::last_data_recv_ms},
      {Field::last_data_sent_ms, &SocketFacts::last_data_sent_ms},
      {Field::rtt_us, &SocketFacts::rtt_us},
      {Field::min_rtt_us, &SocketFacts::min_rtt_us},
      {Field::outq_bytes, &SocketFacts::outq_bytes},
      {Field::inq_bytes, &SocketFacts::inq_bytes},
      {Field::linger_zero, &SocketFacts::linger_zero},
      {Field::poll_error, &SocketFacts::poll_error},
  };
  for (const auto& entry : kFacts) Add(entry.field, facts.*entry.fact, evidence);
}

void AddRouteFacts(const RouteFacts& facts, Evidence* evidence) {
  Add(Field::link_up, facts.link_up, evidence);
  Add(Field::local_address_present, facts.local_address_present, evidence);
  Add(Field::route_present, facts.route_present, evidence);
}

void Set(Evidence* evidence, Field field, uint64_t value) { evidence->Set(field, static_cast<int64_t>(value)); }

// The last good receive; before the first one the time since which one could have come.
uint64_t LastReceiveMs(const LiveConnection& live) {
  const uint64_t received_ms = live.last_received_ms.load(std::memory_order_relaxed);
  return received_ms != 0 ? received_ms : live.connected_ms.load(std::memory_order_relaxed);
}

uint64_t Since(uint64_t then_ms, uint64_t now_ms) { return now_ms > then_ms ? now_ms - then_ms : 0; }

}  // namespace

Evidence Session::Observe(const ConnectionTable::Entry& entry, ProbeDepth depth) {
  Evidence evidence;
  const LiveConnection& live = *entry.live;
  platform::SocketIdentity socket;
  if (connections_.GetSocket(entry.ref, &socket)) {
    SocketFacts facts;
    platform::ProbeSocket(socket, &facts);
    AddSocketFacts(facts, &evidence);
    evidence.Set(Field::peer_loopback, socket.peer_loopback ? 1 : 0);
    evidence.Set(Field::link_tunnel, socket.tunnel ? 1 : 0);
    const bool silent = evidence.Get(Field::outq_bytes) > 0 && evidence.Get(Field::last_ack_recv_ms) >= kSilentAckMs;
    if (depth != ProbeDepth::kSocket || silent) {
      RouteFacts route;
      platform::ProbeRoute(socket, &route);
      AddRouteFacts(route, &evidence);
    }
  } else if (depth == ProbeDepth::kDefaultRoute) {
    RouteFacts route;
    platform::ProbeDefaultRoute(&route);
    AddRouteFacts(route, &evidence);
  }
  const uint64_t now_ms = writer_.NowMs();
  Set(&evidence, Field::opened_ms, live.opened_ms.load(std::memory_order_relaxed));
  const uint64_t connected_ms = live.connected_ms.load(std::memory_order_relaxed);
  evidence.Set(Field::established, connected_ms != 0 ? 1 : 0);
  if (connected_ms != 0) Set(&evidence, Field::connected_ms, connected_ms);
  const uint32_t announced = live.announced.load(std::memory_order_relaxed);
  if (announced != 0) evidence.Set(Field::announced_reason, int64_t{announced} - 1);
  if (wine_) evidence.Set(Field::wine, 1);
  const uint64_t heartbeat_ms = writer_.life()->heartbeat_ms.load(std::memory_order_relaxed);
  if (heartbeat_ms != 0) Set(&evidence, Field::loop_gap_ms, Since(heartbeat_ms, now_ms));
  const uint64_t no_route_rise = worker_.no_route_rise();
  if (no_route_rise != 0) Set(&evidence, Field::no_route_errors, no_route_rise);
  AddTotals(live, &evidence);
  AddTimes(live, now_ms, &evidence);
  AddSends(entry, now_ms, &evidence);
  AddSuspend(live, now_ms, &evidence);
  AddLink(live, &evidence);
  return evidence;
}

void Session::AddTotals(const LiveConnection& live, Evidence* evidence) {
  Set(evidence, Field::bytes_sent, live.sent_bytes.load(std::memory_order_relaxed));
  Set(evidence, Field::bytes_received, live.received_bytes.load(std::memory_order_relaxed));
  const uint32_t largest = live.largest_send_bytes.load(std::memory_order_relaxed);
  if (largest != 0) Set(evidence, Field::largest_send_bytes, largest);
  const uint32_t rtt_us = live.app_rtt_us.load(std::memory_order_relaxed);
  if (rtt_us != 0) {
    Set(evidence, Field::app_rtt_us, rtt_us);
    Set(evidence, Field::app_min_rtt_us, live.app_min_rtt_us.load(std::memory_order_relaxed));
  }
}

void Session::AddTimes(const LiveConnection& live, uint64_t now_ms, Evidence* evidence) {
  const uint64_t sent = live.sent_bytes.load(std::memory_order_relaxed);
  const uint64_t at_receive = live.sent_bytes_at_receive.load(std::memory_order_relaxed);
  Set(evidence, Field::sent_since_recv_bytes, sent > at_receive ? sent - at_receive : 0);
  const uint64_t received_ms = live.last_received_ms.load(std::memory_order_relaxed);
  if (received_ms != 0) Set(evidence, Field::since_recv_ms, Since(received_ms, now_ms));
  const uint64_t sent_ms = live.last_sent_ms.load(std::memory_order_relaxed);
  if (sent_ms != 0) Set(evidence, Field::since_send_ms, Since(sent_ms, now_ms));
}

void Session::AddSends(const ConnectionTable::Entry& entry, uint64_t now_ms, Evidence* evidence) {
  const uint64_t since_ms = entry.sends->since_ms.load(std::memory_order_relaxed);
  if (since_ms != 0) Set(evidence, Field::sending_for_ms, Since(since_ms, now_ms));
  Set(evidence, Field::largest_since_recv_bytes, entry.sends->largest_since_recv.load(std::memory_order_relaxed));
  const uint64_t refused = worker_.refused_retransmits();
  if (evidence->IsTrue(Field::established) || refused == 0) return;
  // A connection may be older than the worker's first look.
  const uint64_t before = entry.refused_before != 0 ? entry.refused_before : worker_.first_refused_retransmits();
  Set(evidence, Field::refused_retransmits, Since(before, refused));
}

void Session::AddSuspend(const LiveConnection& live, uint64_t now_ms, Evidence* evidence) {
  const LifePage* life = writer_.life();
  uint64_t suspended_ms = 0;
  const uint64_t end_ms = life->suspend_end_ms.load(std::memory_order_acquire);
  // What the game reads right after it wakes came in while it was frozen: it is no sign of a good connection since.
  const bool just_woke = end_ms != 0 && Since(end_ms, now_ms) <= kWakeMs;
  if (end_ms != 0 && (end_ms > LastReceiveMs(live) || just_woke)) {
    suspended_ms = life->suspend_length_ms.load(std::memory_order_relaxed);
  }
  // When all threads wake, the game's may be here before the worker has seen the gap. The boot clock counts what the
  // monotonic one leaves out. A worker that waits for the network is no sign of anything, so then only the difference
  // of the two clocks counts.
  const uint64_t boot_gap_ms = Since(life->tick_boot_ms.load(std::memory_order_relaxed), platform::BootTimeMs());
  const uint64_t tick_gap_ms = Since(life->tick_ms.load(std::memory_order_relaxed), now_ms);
  const uint64_t gap_ms = worker_.busy() ? Since(tick_gap_ms, boot_gap_ms) : boot_gap_ms;
  if (life->tick_ms.load(std::memory_order_relaxed) != 0 && gap_ms >= kFrozenMs) suspended_ms += gap_ms;
  Set(evidence, Field::suspended_ms, suspended_ms);
}

void Session::AddLink(const LiveConnection& live, Evidence* evidence) {
  const uint32_t link = live.link_index.load(std::memory_order_relaxed);
  if (link == 0 || !worker_.watching()) return;
  const bool down =
      live.link_down_ms.load(std::memory_order_relaxed) != 0 || worker_.links().LastDownMs(link) > LastReceiveMs(live);
  evidence->Set(Field::link_down_since_recv, down ? 1 : 0);
}

}  // namespace whydrop
