#include "causes/conditions.h"
#include "causes/rules.h"

namespace whydrop {
namespace {

constexpr int64_t kSilentAckMs = 3000;   // closed with unacknowledged data and no word for this long
constexpr int64_t kSuspendMs = 3000;     // a shorter freeze breaks no connection
constexpr int64_t kLateNoticeMs = 5000;  // 10053 this soon after data: the peer's close, noticed late
constexpr int64_t kFreshDataMs = 1000;   // small segments still arrive
constexpr int64_t kMinRtoMs = 200;       // Linux: TCP_RTO_MIN
constexpr int64_t kTcpStateClose = 7;
constexpr int64_t kProxyExtraUs = 100 * 1000;
constexpr int64_t kProxyExtraLoopbackUs = 20 * 1000;
constexpr int64_t kMaxRttUs = int64_t{1} << 40;

bool IsOp(const Evidence& e, int64_t operation) { return Is(e, Field::operation, operation); }

bool IsLateSoftwareAbort(const Evidence& e) {
  return IsError(e, ErrorKind::kSoftwareAborted) && AtLeast(e, Field::since_recv_ms, kLateNoticeMs);
}
bool IsEarlySoftwareAbort(const Evidence& e) {
  return IsError(e, ErrorKind::kSoftwareAborted) && AtMost(e, Field::since_recv_ms, kLateNoticeMs - 1);
}

bool IsTimeoutClass(const Evidence& e) {
  return IsTimeout(e) || IsError(e, ErrorKind::kHostUnreachable) || IsError(e, ErrorKind::kNetUnreachable) ||
         IsError(e, ErrorKind::kNetDown) || IsError(e, ErrorKind::kKeepaliveFailed) || IsLateSoftwareAbort(e);
}

// What a broken link, address or route may end in. Without a network a name is not found either, and a host that comes
// back may get a reset for what it sends again.
bool IsLocalClass(const Evidence& e) {
  return IsTimeoutClass(e) || (IsReset(e) && IsSilenceBefore(e)) || (IsOp(e, WHYDROP_OP_RESOLVE) && HasFailed(e));
}

bool IsPeersClose(const Evidence& e) {
  return !HasFailed(e) ? e.IsTrue(Field::peer_closed) : IsError(e, ErrorKind::kBrokenPipe) || IsEarlySoftwareAbort(e);
}
bool IsAnnounced(const Evidence& e, int64_t reason) {
  return Is(e, Field::announced_reason, reason) && (IsPeersClose(e) || IsReset(e));
}
bool IsOpenAtDeath(const Evidence& e, int64_t announced) {
  return !HasEnd(e) && e.Has(Field::session_end) && Is(e, Field::announced_reason, announced);
}

bool LocalClose(const Evidence& e) {
  return e.IsTrue(Field::closed_locally) && !HasFailed(e) && !e.IsTrue(Field::peer_closed);
}
bool LogoutAnswered(const Evidence& e) {
  return (Is(e, Field::announced_reason, WHYDROP_CLOSE_NORMAL) ||
          Is(e, Field::announced_reason, WHYDROP_CLOSE_LOGOUT)) &&
         IsPeersClose(e);
}
bool LogoutThenEnd(const Evidence& e) {
  return IsOpenAtDeath(e, WHYDROP_CLOSE_NORMAL) || IsOpenAtDeath(e, WHYDROP_CLOSE_LOGOUT);
}
bool Transfer(const Evidence& e) { return IsAnnounced(e, WHYDROP_CLOSE_TRANSFER); }
bool Kick(const Evidence& e) { return IsAnnounced(e, WHYDROP_CLOSE_KICK); }
bool Shutdown(const Evidence& e) { return IsAnnounced(e, WHYDROP_CLOSE_SHUTDOWN); }
bool Idle(const Evidence& e) { return IsAnnounced(e, WHYDROP_CLOSE_IDLE); }
bool TransferThenEnd(const Evidence& e) { return IsOpenAtDeath(e, WHYDROP_CLOSE_TRANSFER); }
bool KickThenEnd(const Evidence& e) { return IsOpenAtDeath(e, WHYDROP_CLOSE_KICK); }
bool ShutdownThenEnd(const Evidence& e) { return IsOpenAtDeath(e, WHYDROP_CLOSE_SHUTDOWN); }
bool IdleThenEnd(const Evidence& e) { return IsOpenAtDeath(e, WHYDROP_CLOSE_IDLE); }
bool LinkDownAtDeath(const Evidence& e) {
  return !HasEnd(e) && e.Has(Field::session_end) && !e.Has(Field::announced_reason) &&
         e.IsTrue(Field::link_down_at_death);
}

bool Suspended(const Evidence& e) {
  const int64_t since_recv_ms = e.Get(Field::since_recv_ms);
  return (HasFailed(e) || e.IsTrue(Field::peer_closed)) && AtLeast(e, Field::suspended_ms, kSuspendMs) &&
         e.Has(Field::since_recv_ms) && e.Get(Field::suspended_ms) >= since_recv_ms - since_recv_ms / 4;
}
bool LocalAbort(const Evidence& e) { return IsError(e, ErrorKind::kAborted); }
bool LinkDown(const Evidence& e) { return IsLocalClass(e) && e.IsFalse(Field::link_up); }
bool LinkWasDown(const Evidence& e) { return IsLocalClass(e) && e.IsTrue(Field::link_down_since_recv); }
bool AddressGone(const Evidence& e) { return IsLocalClass(e) && e.IsFalse(Field::local_address_present); }
bool NoRoute(const Evidence& e) { return IsLocalClass(e) && e.IsFalse(Field::route_present); }

bool ResolveFailed(const Evidence& e) { return IsOp(e, WHYDROP_OP_RESOLVE) && HasFailed(e); }
bool TlsFailed(const Evidence& e) { return IsOp(e, WHYDROP_OP_TLS) && HasFailed(e); }
bool ConnectRefused(const Evidence& e) {
  return IsOp(e, WHYDROP_OP_CONNECT) && (IsError(e, ErrorKind::kRefused) || IsError(e, ErrorKind::kReset));
}
bool ConnectTimeout(const Evidence& e) { return IsOp(e, WHYDROP_OP_CONNECT) && IsError(e, ErrorKind::kTimedOut); }
bool ConnectGivenUp(const Evidence& e) { return IsAppTimeout(e) && e.IsFalse(Field::established); }
bool ConnectUnreachable(const Evidence& e) {
  return IsOp(e, WHYDROP_OP_CONNECT) &&
         (IsError(e, ErrorKind::kHostUnreachable) || IsError(e, ErrorKind::kNetUnreachable) ||
          IsError(e, ErrorKind::kNetDown) || IsError(e, ErrorKind::kAddressNotAvailable));
}
bool ConnectDenied(const Evidence& e) {
  return IsOp(e, WHYDROP_OP_CONNECT) && (IsError(e, ErrorKind::kAccessDenied) || IsError(e, ErrorKind::kNotPermitted));
}
bool IsUdpPortClosed(const Evidence& e) {
  return IsUdp(e) && (IsError(e, ErrorKind::kRefused) || IsError(e, ErrorKind::kReset));
}
bool UdpRefused(const Evidence& e) { return IsUdpPortClosed(e) && Is(e, Field::bytes_received, 0); }

// Probes of a closed window come ever more seldom, so an old acknowledgement proves nothing as long as no probe is
// unanswered.
bool WindowClosed(const Evidence& e) {
  const bool all_answered = Is(e, Field::probes, 0) && Is(e, Field::retransmits, 0);
  return IsEstablished(e) && IsTcp(e) && IsTimeout(e) && Is(e, Field::snd_wnd_bytes, 0) &&
         (all_answered || AtMost(e, Field::last_ack_recv_ms, kAckFlowsMs));
}
// Data that was sent so shortly before says nothing: Linux itself waits at least this long before it sends it again. What
// has not left at all is another matter.
bool NothingOverdue(const Evidence& e) {
  return Is(e, Field::outq_bytes, 0) ||
         (e.Has(Field::outq_bytes) && Is(e, Field::retransmits, 0) && AtMost(e, Field::last_data_sent_ms, kMinRtoMs) &&
          !IsPositive(e, Field::notsent_bytes));
}
bool AcksButNoAnswer(const Evidence& e) {
  return IsEstablished(e) && IsTcp(e) && IsAppTimeout(e) && NothingOverdue(e) &&
         AtMost(e, Field::last_ack_recv_ms, kAckFlowsMs) && AtLeast(e, Field::last_data_recv_ms, kAckFlowsMs + 1) &&
         !IsPositive(e, Field::inq_bytes);
}
// Bytes wait though the peer's window is open, nothing had to be sent again, and the machine's network is fine.
bool IsHeldBack(const Evidence& e) {
  return IsTcp(e) && IsPositive(e, Field::notsent_bytes) && IsPositive(e, Field::snd_wnd_bytes) &&
         Is(e, Field::retransmits, 0) && IsLocalNetworkFine(e);
}
bool NeverLeft(const Evidence& e) { return IsHeldBack(e) && IsTimeoutClass(e) && IsPositive(e, Field::probes); }
// A reset may come at once, while older bytes are still on their way; a time-out needs that none are.
bool HostRefused(const Evidence& e) {
  return IsHeldBack(e) && HasFailed(e) && IsPositive(e, Field::refused_bytes) && e.Has(Field::outq_bytes) &&
         (IsReset(e) || e.Get(Field::outq_bytes) == e.Get(Field::notsent_bytes));
}
bool AttemptNeverLeft(const Evidence& e) {
  constexpr int64_t kMaxAttempts = 10;  // one connection sends no more; a higher count is other programs'
  return (ConnectTimeout(e) || ConnectGivenUp(e)) && IsPositive(e, Field::refused_retransmits) &&
         AtMost(e, Field::refused_retransmits, kMaxAttempts) && e.IsTrue(Field::link_up) &&
         e.IsTrue(Field::route_present);
}
bool UdpNotPermitted(const Evidence& e) { return IsUdp(e) && IsError(e, ErrorKind::kNotPermitted); }
bool RouterSaidSo(const Evidence& e) {
  return IsEstablished(e) && e.IsTrue(Field::link_up) &&
         (IsError(e, ErrorKind::kHostUnreachable) || IsError(e, ErrorKind::kNetUnreachable) ||
          IsError(e, ErrorKind::kAccessDenied) || (IsTcp(e) && IsError(e, ErrorKind::kRefused)));
}
bool UdpPortGone(const Evidence& e) {
  return IsEstablished(e) && IsUdpPortClosed(e) && IsPositive(e, Field::bytes_received);
}
bool LargeVanish(const Evidence& e) {
  return IsEstablished(e) && IsTcp(e) && IsError(e, ErrorKind::kTimedOut) && IsPositive(e, Field::retransmits) &&
         e.Has(Field::outq_bytes) && IsPositive(e, Field::snd_mss_bytes) &&
         e.Get(Field::outq_bytes) > e.Get(Field::snd_mss_bytes) && AtMost(e, Field::last_data_recv_ms, kFreshDataMs);
}
bool UdpTooLong(const Evidence& e) { return IsEstablished(e) && IsUdp(e) && IsError(e, ErrorKind::kMessageTooLong); }
bool TcpSilence(const Evidence& e) {
  return IsEstablished(e) && IsTcp(e) && IsTimeout(e) && IsPositive(e, Field::retransmits) &&
         IsPositive(e, Field::outq_bytes);
}
bool TcpNoAnswer(const Evidence& e) { return IsEstablished(e) && IsTcp(e) && IsTimeout(e) && IsOverdue(e); }
// With nothing unacknowledged only a keepalive can end a connection with ETIMEDOUT.
bool KeepaliveUnanswered(const Evidence& e) {
  return IsEstablished(e) && IsTcp(e) && IsError(e, ErrorKind::kTimedOut) && !IsAppTimeout(e) &&
         Is(e, Field::outq_bytes, 0);
}
bool KeepaliveFailed(const Evidence& e) {
  return IsEstablished(e) && IsTcp(e) && IsError(e, ErrorKind::kKeepaliveFailed);
}
bool TransmissionTimeout(const Evidence& e) { return IsEstablished(e) && IsTcp(e) && IsLateSoftwareAbort(e); }
bool UdpSilence(const Evidence& e) {
  return IsEstablished(e) && IsUdp(e) && IsAppTimeout(e) && IsPositive(e, Field::sent_since_recv_bytes);
}
bool ResetAfterSilence(const Evidence& e) {
  return IsEstablished(e) && IsReset(e) && (IsPositive(e, Field::retransmits) || IsPositive(e, Field::probes));
}
bool ResetAfterNoAnswer(const Evidence& e) { return IsEstablished(e) && IsReset(e) && IsOverdue(e); }
bool ResetUnasked(const Evidence& e) { return IsEstablished(e) && IsReset(e) && Is(e, Field::outq_bytes, 0); }
bool PipeAfterReset(const Evidence& e) {
  return IsEstablished(e) && IsError(e, ErrorKind::kBrokenPipe) && Is(e, Field::tcp_state, kTcpStateClose) &&
         Is(e, Field::outq_bytes, 0);
}
bool ResetUnplaced(const Evidence& e) { return IsEstablished(e) && IsReset(e); }
// Wine takes a reset's error off the socket before the game can read it; only a poll shows it still.
bool ResetBehindClose(const Evidence& e) {
  return IsEstablished(e) && e.IsTrue(Field::wine) && e.IsTrue(Field::peer_closed) && !HasFailed(e) &&
         e.IsTrue(Field::poll_error);
}
bool ServerCloseWine(const Evidence& e) { return IsEstablished(e) && e.IsTrue(Field::wine) && IsPeersClose(e); }
bool ServerCloseLate(const Evidence& e) { return IsEstablished(e) && IsEarlySoftwareAbort(e); }
bool ServerClose(const Evidence& e) { return IsEstablished(e) && IsPeersClose(e); }

constexpr Confidence kLow = Confidence::kLow;
constexpr Confidence kMedium = Confidence::kMedium;
constexpr Confidence kHigh = Confidence::kHigh;

// The order is part of each rule: a row may rely on the rows above it having failed.
constexpr ClientRule kClientRules[] = {
    {{"local-close", 1, WHYDROP_CAUSE_LOCAL_CLOSE, kHigh,
      "The application closed the connection itself, before any error and before the peer closed it."},
     LocalClose},
    {{"announced-logout", 1, WHYDROP_CAUSE_LOCAL_CLOSE, kHigh,
      "The peer closed the connection after a close ({announced_reason}) had been announced."},
     LogoutAnswered},
    {{"announced-logout-at-end", 1, WHYDROP_CAUSE_LOCAL_CLOSE, kMedium,
      "A close ({announced_reason}) had been announced when the process ended with the connection open."},
     LogoutThenEnd},
    {{"announced-transfer", 2, WHYDROP_CAUSE_SERVER_TRANSFER, kHigh,
      "The server had announced a transfer; then the connection ended: {end}."},
     Transfer},
    {{"announced-kick", 2, WHYDROP_CAUSE_SERVER_KICK, kHigh,
      "The server had announced that it removes the player; then the connection ended: {end}."},
     Kick},
    {{"announced-shutdown", 2, WHYDROP_CAUSE_SERVER_SHUTDOWN, kHigh,
      "The server had announced its shutdown; then the connection ended: {end}."},
     Shutdown},
    {{"announced-idle", 2, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, kHigh,
      "The server had announced a close for idleness; then the connection ended: {end}."},
     Idle},
    {{"announced-transfer-at-end", 2, WHYDROP_CAUSE_SERVER_TRANSFER, kMedium,
      "A transfer had been announced when the process ended with the connection open."},
     TransferThenEnd},
    {{"announced-kick-at-end", 2, WHYDROP_CAUSE_SERVER_KICK, kMedium,
      "The player's removal had been announced when the process ended with the connection open."},
     KickThenEnd},
    {{"announced-shutdown-at-end", 2, WHYDROP_CAUSE_SERVER_SHUTDOWN, kMedium,
      "The server's shutdown had been announced when the process ended with the connection open."},
     ShutdownThenEnd},
    {{"announced-idle-at-end", 2, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, kMedium,
      "A close for idleness had been announced when the process ended with the connection open."},
     IdleThenEnd},
    {{"link-down-at-death", 0, WHYDROP_CAUSE_LOCAL_LINK_DOWN, kMedium,
      "The process ended ({session}) with the connection open, and the network link was already down then."},
     LinkDownAtDeath},
    {{"suspended", 3, WHYDROP_CAUSE_CLIENT_SUSPENDED, kHigh,
      "The machine or the process was frozen for {suspended_ms} ms of the last {since_recv_ms} ms without data; then "
      "the connection ended: {end}."},
     Suspended},
    {{"local-abort", 4, WHYDROP_CAUSE_LOCAL_ABORT, kHigh, "{error}: the operating system destroyed the socket."},
     LocalAbort},
    {{"timeout-link-down", 5, WHYDROP_CAUSE_LOCAL_LINK_DOWN, kHigh, "{error}, and the network link is down."},
     LinkDown},
    {{"timeout-link-was-down", 5, WHYDROP_CAUSE_LOCAL_LINK_DOWN, kHigh,
      "{error}, and the network link was down at some moment since the last data."},
     LinkWasDown},
    {{"timeout-address-gone", 6, WHYDROP_CAUSE_LOCAL_ADDRESS_CHANGED, kHigh,
      "{error}, and the socket's own address no longer exists on this machine."},
     AddressGone},
    {{"timeout-no-route", 7, WHYDROP_CAUSE_LOCAL_NO_ROUTE, kHigh,
      "{error}, and this machine has no route to the peer."},
     NoRoute},
    {{"resolve-failed", 8, WHYDROP_CAUSE_RESOLVE_FAILED, kHigh, "The server's name was not resolved: {error}."},
     ResolveFailed},
    {{"tls-failed", 8, WHYDROP_CAUSE_TLS_FAILED, kHigh, "The TLS handshake did not complete: {error}."}, TlsFailed},
    {{"attempt-never-left", 10, WHYDROP_CAUSE_LOCAL_FIREWALL, kLow,
      "{error}: nothing answered the attempt to connect, and meanwhile this machine did not let {refused_retransmits} "
      "repeated packets out, though link and route are fine: its own firewall, most likely."},
     AttemptNeverLeft},
    {{"connect-refused", 8, WHYDROP_CAUSE_CONNECT_REFUSED, kHigh,
      "{error}: the connection was refused; by the host or by a firewall cannot be told."},
     ConnectRefused},
    {{"connect-timeout", 8, WHYDROP_CAUSE_CONNECT_TIMEOUT, kHigh,
      "{error}: nothing answered the attempt to connect; path, firewall or a full backlog cannot be told apart."},
     ConnectTimeout},
    {{"connect-given-up", 8, WHYDROP_CAUSE_CONNECT_TIMEOUT, kHigh,
      "The application stopped waiting before the connection stood."},
     ConnectGivenUp},
    {{"connect-unreachable", 8, WHYDROP_CAUSE_CONNECT_UNREACHABLE, kHigh,
      "{error}: the server could not be reached; who said so cannot be told."},
     ConnectUnreachable},
    {{"connect-denied", 8, WHYDROP_CAUSE_CONNECT_DENIED, kHigh,
      "{error}: the attempt to connect was forbidden; by whom cannot be told."},
     ConnectDenied},
    {{"udp-refused-at-first", 8, WHYDROP_CAUSE_CONNECT_REFUSED, kHigh,
      "{error} before anything was received: the server's port was closed, or a firewall said so."},
     UdpRefused},
    {{"window-closed", 9, WHYDROP_CAUSE_SERVER_HANG, kHigh,
      "{error} while the peer's receive window was 0 and its last acknowledgement {last_ack_recv_ms} ms old: the "
      "server "
      "is alive but does not read."},
     WindowClosed},
    {{"acks-but-no-answer", 9, WHYDROP_CAUSE_SERVER_HANG, kHigh,
      "{error}: everything sent was acknowledged, the last time {last_ack_recv_ms} ms before, but no data came for "
      "{last_data_recv_ms} ms: the server is alive but does not answer."},
     AcksButNoAnswer},
    {{"never-left-host", 10, WHYDROP_CAUSE_LOCAL_FIREWALL, kMedium,
      "{error} with {notsent_bytes} bytes that never left this machine, though link, address and route are fine."},
     NeverLeft},
    {{"host-refused", 10, WHYDROP_CAUSE_LOCAL_FIREWALL, kMedium,
      "{error} with {notsent_bytes} bytes waiting that this machine did not let out though link, address and route are "
      "fine: its own firewall answered in the server's name."},
     HostRefused},
    {{"udp-not-permitted", 10, WHYDROP_CAUSE_LOCAL_FIREWALL, kMedium,
      "{error}: this machine did not permit the datagram to leave."},
     UdpNotPermitted},
    {{"icmp-unreachable", 11, WHYDROP_CAUSE_PATH_UNREACHABLE, kMedium,
      "{error} while the local link was fine: something on the way reported the server as unreachable."},
     RouterSaidSo},
    {{"udp-port-closed", 12, WHYDROP_CAUSE_SERVER_DIED, kMedium,
      "{error} after {bytes_received} bytes had been received: the server's port is closed now."},
     UdpPortGone},
    {{"large-segments-vanish", 13, WHYDROP_CAUSE_PATH_MTU, kMedium,
      "{error} with {outq_bytes} unacknowledged bytes, more than one segment of {snd_mss_bytes}, while the peer's data "
      "still arrived {last_data_recv_ms} ms before: large packets vanish, small ones pass."},
     LargeVanish},
    {{"udp-too-long", 13, WHYDROP_CAUSE_PATH_MTU, kMedium, "{error}: the datagram is larger than the path takes."},
     UdpTooLong},
    {{"tcp-silence", 14, WHYDROP_CAUSE_PATH_TIMEOUT, kHigh,
      "{error} with {outq_bytes} unacknowledged bytes, sent again {retransmits} times: packets left and nothing came "
      "back."},
     TcpSilence},
    {{"tcp-no-answer", 14, WHYDROP_CAUSE_PATH_TIMEOUT, kHigh,
      "{error} with {outq_bytes} unacknowledged bytes: the application had been sending for {sending_for_ms} ms, but "
      "nothing came back for {last_ack_recv_ms} ms."},
     TcpNoAnswer},
    {{"keepalive-unanswered", 14, WHYDROP_CAUSE_PATH_TIMEOUT, kHigh,
      "{error} with nothing unacknowledged: the idle connection's keepalive was not answered."},
     KeepaliveUnanswered},
    {{"keepalive-failed", 14, WHYDROP_CAUSE_PATH_TIMEOUT, kHigh,
      "{error}: the connection's keepalive was not answered."},
     KeepaliveFailed},
    {{"transmission-timeout", 14, WHYDROP_CAUSE_PATH_TIMEOUT, kMedium,
      "{error}, {since_recv_ms} ms after the last data: the system gave up sending, nothing came back."},
     TransmissionTimeout},
    {{"udp-silence", 14, WHYDROP_CAUSE_PATH_TIMEOUT, kMedium,
      "{error}: {sent_since_recv_bytes} bytes were sent since the last datagram came in, and nothing came back."},
     UdpSilence},
    {{"reset-after-silence", 15, WHYDROP_CAUSE_RESET_AFTER_SILENCE, kMedium,
      "{error} after unanswered packets (retransmissions: {retransmits}, probes: {probes}): the server rebooted or "
      "something forgot the connection."},
     ResetAfterSilence},
    {{"reset-after-no-answer", 15, WHYDROP_CAUSE_RESET_AFTER_SILENCE, kMedium,
      "{error} after nothing had come back for {last_ack_recv_ms} ms, while the application had been sending for "
      "{sending_for_ms} ms: the server rebooted or something forgot the connection."},
     ResetAfterNoAnswer},
    {{"reset-unasked", 16, WHYDROP_CAUSE_SERVER_RESET, kMedium,
      "{error} with nothing in our send queue: the reset was not an answer to our data."},
     ResetUnasked},
    {{"pipe-after-reset", 16, WHYDROP_CAUSE_SERVER_RESET, kMedium,
      "{error} on a socket that was already reset, with nothing in our send queue."},
     PipeAfterReset},
    {{"reset-unplaced", 17, WHYDROP_CAUSE_RESET_AMBIGUOUS, kLow,
      "{error}: the connection was reset; the evidence does not tell by whom."},
     ResetUnplaced},
    {{"reset-behind-close", 17, WHYDROP_CAUSE_RESET_AMBIGUOUS, kLow,
      "The connection was reset: Wine let it look like a close ({end}), but the socket's poll error shows it. The "
      "evidence does not tell by whom."},
     ResetBehindClose},
    {{"server-close-late", 18, WHYDROP_CAUSE_SERVER_CLOSE, kMedium,
      "{error}, {since_recv_ms} ms after the last data: the server's close was noticed late."},
     ServerCloseLate},
    {{"server-close-wine", 18, WHYDROP_CAUSE_SERVER_CLOSE, kMedium,
      "The server closed the connection ({end}); under Wine a reset may look like this."},
     ServerCloseWine},
    {{"server-close", 18, WHYDROP_CAUSE_SERVER_CLOSE, kHigh,
      "The server closed the connection in order ({end}); it gave no reason."},
     ServerClose},
};

}  // namespace

const Rule kInheritedRule = {"session-end", 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone,
                             "The process ended ({session}) while the connection was open and had not failed."};
const Rule kProxyRule = {
    "proxy-between", 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone,
    "The connection ended ({end}), but the application's round trips of {app_min_rtt_us} us are far "
    "longer than TCP's {min_rtt_us} us: a proxy stands in between, and TCP speaks only of it."};
const Rule kNoRule = {"none", 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone, "The evidence supports no cause ({end})."};

RuleTable<ClientRule> ClientRules() {
  return {kClientRules, static_cast<int>(sizeof kClientRules / sizeof *kClientRules)};
}

bool IsCloseOfSilentConnection(const Evidence& e) {
  return LocalClose(e) && IsPositive(e, Field::outq_bytes) && AtLeast(e, Field::last_ack_recv_ms, kSilentAckMs);
}

const Decision* MatchClientRule(const Evidence& evidence) {
  static constexpr auto kDeciders = WithoutSentences(kClientRules);
  return FirstMatch(kDeciders, evidence);
}

bool IsProxied(const Evidence& e) {
  if (!e.Has(Field::app_min_rtt_us) || !e.Has(Field::min_rtt_us)) return false;
  const int64_t extra_us = e.IsTrue(Field::peer_loopback) ? kProxyExtraLoopbackUs : kProxyExtraUs;
  // The limit keeps hostile values from overflowing.
  return AtLeast(e, Field::min_rtt_us, 0) && AtMost(e, Field::min_rtt_us, kMaxRttUs) &&
         e.Get(Field::app_min_rtt_us) > extra_us + 3 * e.Get(Field::min_rtt_us);
}

}  // namespace whydrop
