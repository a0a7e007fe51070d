#include "causes/conditions.h"
#include "causes/rules.h"

namespace whydrop {
namespace {

constexpr int64_t kHangGapMs = 5000;
constexpr int64_t kTcpRuleFirst = 15;  // the client rules 15-18: the peer's reset or close
constexpr int64_t kTcpRuleLast = 18;

using View = JoinedView;

bool IsPeersEnd(const View& v) { return v.client_rule >= kTcpRuleFirst && v.client_rule <= kTcpRuleLast; }
bool IsRule(const View& v, int number) { return v.client_rule == number; }

bool IsInherited(const Evidence& e) {
  return !HasEnd(e) && e.Has(Field::session_end) && !e.Has(Field::announced_reason);
}
bool IsPeersEndOrInherited(const View& v) { return IsPeersEnd(v) || IsInherited(*v.client); }

// The server closed by its own will: nothing else had ended the connection before, except that it tired of waiting.
bool ServerClosed(const View& v) {
  if (v.server == nullptr || !IsClosed(*v.server)) return false;
  return !v.server->IsTrue(Field::peer_closed) && (!HasFailed(*v.server) || IsAppTimeout(*v.server));
}
bool ServerClosedFor(const View& v, int64_t reason) {
  return ServerClosed(v) && Is(*v.server, Field::close_reason, reason);
}
bool IsServersResetExplained(const View& v) {
  return ServerClosed(v) &&
         (IsPositive(*v.server, Field::unread_at_close_bytes) || v.server->IsTrue(Field::linger_zero));
}

// The server's side says nothing of the end: no record, or one that was open when it was last seen.
bool NoServerEnd(const View& v) { return v.server == nullptr ? !v.context.end_recorded : !HasEnd(*v.server); }
bool ServerProcessGone(const View& v) {
  return v.context.process_replaced || (v.server != nullptr && v.server->Has(Field::session_end));
}
bool ServerHostGone(const View& v) {
  return v.context.host_replaced ||
         (v.server != nullptr && (Is(*v.server, Field::session_end, WHYDROP_CAUSE_SYSTEM_DOWN) ||
                                  Is(*v.server, Field::session_end, WHYDROP_CAUSE_SYSTEM_SHUTDOWN)));
}

bool IsSilent(const Evidence& e) { return !HasEnd(e) && !e.Has(Field::session_end); }
bool IsClientSilent(const View& v) { return IsSilent(*v.client); }
bool IsServerSilent(const View& v) {
  return v.server != nullptr && IsSilent(*v.server) && !ServerProcessGone(v) && !ServerHostGone(v);
}
// The client's own machine may answer in the server's name: that is no reset of the connection.
bool IsClientReset(const View& v) {
  return (IsReset(*v.client) || IsRule(v, 17)) && !IsConnecting(*v.client) && !IsRule(v, 10);
}
bool IsServerReset(const View& v) { return v.server != nullptr && IsReset(*v.server); }
// A reset may be the answer to the first probe; only a second one says that the first went unanswered.
bool IsUnanswered(const Evidence& e) {
  return IsPositive(e, Field::retransmits) || AtLeast(e, Field::probes, 2) || IsOverdue(e);
}
bool IsSilenceOnEither(const View& v) {
  return IsUnanswered(*v.client) || (v.server != nullptr && IsUnanswered(*v.server));
}

bool ServerWaitedForUs(const View& v) { return v.server != nullptr && IsPeerAliveButMute(*v.server); }
bool HangByHeartbeat(const View& v) {
  return IsInherited(*v.client) && ServerWaitedForUs(v) &&
         (Is(*v.client, Field::session_end, WHYDROP_CAUSE_CLIENT_HANG) ||
          (Is(*v.client, Field::session_end, WHYDROP_CAUSE_CLIENT_KILLED) &&
           AtLeast(*v.client, Field::hang_gap_ms, kHangGapMs)));
}
bool HangByServer(const View& v) {
  return IsInherited(*v.client) && ServerWaitedForUs(v) &&
         Is(*v.client, Field::session_end, WHYDROP_CAUSE_CLIENT_KILLED);
}

bool Transfer(const View& v) { return IsPeersEndOrInherited(v) && ServerClosedFor(v, WHYDROP_CLOSE_TRANSFER); }
bool Kick(const View& v) { return IsPeersEndOrInherited(v) && ServerClosedFor(v, WHYDROP_CLOSE_KICK); }
bool Shutdown(const View& v) { return IsPeersEndOrInherited(v) && ServerClosedFor(v, WHYDROP_CLOSE_SHUTDOWN); }
bool Idle(const View& v) { return IsPeersEndOrInherited(v) && ServerClosedFor(v, WHYDROP_CLOSE_IDLE); }
bool ServerReset(const View& v) { return IsPeersEnd(v) && IsServersResetExplained(v); }
bool ServerClose(const View& v) { return IsPeersEnd(v) && ServerClosed(v); }

// A machine that goes down sends no close, but one that came up again answers old data with a reset.
bool IsResetByRestart(const View& v) { return IsRule(v, 15) || IsRule(v, 16) || IsRule(v, 17); }
bool ServerDied(const View& v) {
  return NoServerEnd(v) && ServerProcessGone(v) &&
         (IsRule(v, 12) || IsRule(v, 18) || (IsResetByRestart(v) && !ServerHostGone(v)));
}
bool HostDown(const View& v) {
  return NoServerEnd(v) && ServerHostGone(v) && (IsRule(v, 11) || IsRule(v, 14) || IsRule(v, 15));
}
// Without the silence before it the reset may also be the process's own end, shortly before the machine's.
bool HostDownByReset(const View& v) { return NoServerEnd(v) && ServerHostGone(v) && (IsRule(v, 16) || IsRule(v, 17)); }
// A port that nobody listens at any more refuses. A close in order may precede that; a reset is the end of the process.
bool ServerGone(const View& v) {
  return NoServerEnd(v) && v.context.refuses && !ServerHostGone(v) && (IsRule(v, 16) || IsRule(v, 17));
}
bool StateLost(const View& v) {
  return (IsClientReset(v) || IsClientSilent(v)) && (IsServerReset(v) || IsServerSilent(v)) &&
         !(IsClientSilent(v) && IsServerSilent(v)) && IsSilenceOnEither(v);
}
// A broken path answers nobody: the server was reset while the client still waited in silence.
bool ServerResetWhileWaiting(const View& v) {
  int64_t client_ms = 0, server_ms = 0;
  return IsRule(v, 14) && IsServerReset(v) && EndAge(*v.client, &client_ms) && EndAge(*v.server, &server_ms) &&
         server_ms < client_ms;
}
bool BothReset(const View& v) {
  return IsClientReset(v) && IsServerReset(v) && Is(*v.client, Field::retransmits, 0) &&
         Is(*v.server, Field::retransmits, 0);
}
// The server had not closed, waits in vain for a client that is alive, and did not hear its reset either. A translator
// that gave the client another port does so, and who resets in the server's name does.
bool ClientResetWhileServerWaits(const View& v) {
  int64_t client_ms = 0, server_ms = 0;
  return IsClientReset(v) && v.server != nullptr && IsTimeout(*v.server) && IsSilenceBefore(*v.server) &&
         EndAge(*v.client, &client_ms) && EndAge(*v.server, &server_ms) && client_ms < server_ms;
}
bool OneReset(const View& v) {
  return (IsClientReset(v) && IsServerSilent(v)) || (IsClientSilent(v) && IsServerReset(v));
}
bool BothTimedOut(const View& v) {
  return IsRule(v, 14) && v.server != nullptr && (IsTimeout(*v.server) || ServerClosedFor(v, WHYDROP_CLOSE_IDLE));
}

// The client waited in vain on a system that does not count what became of its data, as Windows: whether the path or
// the server was mute only the server's side can tell.
bool IsUncountedWait(const View& v) {
  const Evidence& e = *v.client;
  return IsRule(v, 0) && IsTcp(e) && IsEstablished(e) && IsTimeout(e) && !e.Has(Field::retransmits) &&
         !e.Has(Field::last_ack_recv_ms) && v.server != nullptr;
}
// The server's own data went unanswered as well.
bool PathByServer(const View& v) {
  return IsUncountedWait(v) && IsTimeout(*v.server) && !IsPeerAliveButMute(*v.server) && IsSilenceBefore(*v.server);
}
// What the client had sent lay there unread.
bool HangByUnread(const View& v) {
  return IsUncountedWait(v) && ServerClosed(v) && !HasFailed(*v.server) &&
         IsPositive(*v.server, Field::unread_at_close_bytes);
}

// The server waited in vain, and the client, which noticed nothing, was cut off when it last reported.
bool IsClientCutOff(const View& v) {
  return IsClientSilent(v) && v.server != nullptr && HasFailed(*v.server) && !IsReset(*v.server);
}
bool CutOffByLink(const View& v) { return IsClientCutOff(v) && v.client->IsFalse(Field::link_up); }
bool CutOffByAddress(const View& v) { return IsClientCutOff(v) && v.client->IsFalse(Field::local_address_present); }
bool CutOffByRoute(const View& v) { return IsClientCutOff(v) && v.client->IsFalse(Field::route_present); }

bool AloneTransfer(const View& v) { return ServerClosedFor(v, WHYDROP_CLOSE_TRANSFER); }
bool AloneKick(const View& v) { return ServerClosedFor(v, WHYDROP_CLOSE_KICK); }
bool AloneShutdown(const View& v) { return ServerClosedFor(v, WHYDROP_CLOSE_SHUTDOWN); }
bool AloneIdle(const View& v) { return ServerClosedFor(v, WHYDROP_CLOSE_IDLE); }
bool AloneLogout(const View& v) { return ServerClosedFor(v, WHYDROP_CLOSE_LOGOUT); }

constexpr Confidence kLow = Confidence::kLow;
constexpr Confidence kMedium = Confidence::kMedium;
constexpr Confidence kHigh = Confidence::kHigh;

constexpr JoinedRule kDeathRules[] = {
    {{"joined-hang-heartbeat", 0, WHYDROP_CAUSE_CLIENT_HANG, kHigh,
      "The client's main loop had stopped, and the server waited for it ({server.error}) until the process ended."},
     HangByHeartbeat},
    {{"joined-hang", 0, WHYDROP_CAUSE_CLIENT_HANG, kMedium,
      "The client's machine acknowledged but the client did not answer ({server.error}); then its process ended."},
     HangByServer},
};

constexpr JoinedRule kJoinedRules[] = {
    {{"joined-transfer", 0, WHYDROP_CAUSE_SERVER_TRANSFER, kHigh,
      "The server closed the connection for a transfer to another server; the client saw: {end}."},
     Transfer},
    {{"joined-kick", 0, WHYDROP_CAUSE_SERVER_KICK, kHigh,
      "The server closed the connection to remove the player; the client saw: {end}."},
     Kick},
    {{"joined-shutdown", 0, WHYDROP_CAUSE_SERVER_SHUTDOWN, kHigh,
      "The server closed the connection for its shutdown; the client saw: {end}."},
     Shutdown},
    {{"joined-idle", 0, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, kHigh,
      "The server closed the connection because it was idle; the client saw: {end}."},
     Idle},
    {{"joined-server-reset", 0, WHYDROP_CAUSE_SERVER_RESET, kHigh,
      "The server closed the connection in a way that resets it (unread bytes: {server.unread_at_close_bytes}, linger "
      "0: {server.linger_zero}); the client saw: {end}."},
     ServerReset},
    {{"joined-server-close", 0, WHYDROP_CAUSE_SERVER_CLOSE, kHigh,
      "The server closed the connection itself, without a special reason; the client saw: {end}."},
     ServerClose},
    {{"joined-server-died", 0, WHYDROP_CAUSE_SERVER_DIED, kHigh,
      "The client saw: {end}. The server's process ended without recording a close."},
     ServerDied},
    {{"joined-host-down", 0, WHYDROP_CAUSE_SERVER_HOST_DOWN, kHigh,
      "The client saw: {end}. The server recorded no end, and its whole machine was restarted or fell silent."},
     HostDown},
    {{"joined-host-down-by-reset", 0, WHYDROP_CAUSE_SERVER_HOST_DOWN, kMedium,
      "The client saw: {end}. The server's machine was restarted and answered with a reset."},
     HostDownByReset},
    {{"joined-server-gone", 0, WHYDROP_CAUSE_SERVER_DIED, kLow,
      "The client saw: {end}, and its next attempt to connect was refused: nobody listens there any more. The server "
      "recorded no end."},
     ServerGone},
    {{"joined-state-lost", 0, WHYDROP_CAUSE_PATH_STATE_LOST, kMedium,
      "Client: {end}; server: {server.end}. Neither had closed, and packets had gone unanswered before: something "
      "between them forgot the connection."},
     StateLost},
    {{"joined-reset-while-waiting", 0, WHYDROP_CAUSE_PATH_STATE_LOST, kMedium,
      "The server was reset ({server.error}) while the client still waited in vain ({error}), and neither had closed: "
      "something between them forgot the connection."},
     ServerResetWhileWaiting},
    {{"joined-both-reset", 0, WHYDROP_CAUSE_PATH_RESET, kMedium,
      "Client and server were both reset ({error}; {server.error}), and neither had closed: something between them "
      "sent "
      "the resets."},
     BothReset},
    {{"joined-reset-while-server-waits", 0, WHYDROP_CAUSE_PATH_STATE_LOST, kLow,
      "The client was reset ({error}), but the server had not closed and waited in vain ({server.error}): something "
      "between them forgot the connection, or answers in the server's name."},
     ClientResetWhileServerWaits},
    {{"joined-one-reset", 0, WHYDROP_CAUSE_PATH_STATE_LOST, kLow,
      "Client: {end}; server: {server.end}. Neither had closed: something between them forgot the connection or reset "
      "it, which cannot be told apart."},
     OneReset},
    {{"joined-both-timed-out", 0, WHYDROP_CAUSE_PATH_TIMEOUT, kHigh,
      "Client and server each waited for the other in vain ({end}; {server.end}): the path between them was broken."},
     BothTimedOut},
    {{"joined-path-by-server", 0, WHYDROP_CAUSE_PATH_TIMEOUT, kMedium,
      "The client waited in vain ({end}), and so did the server, whose data was sent again without an answer "
      "({server.end}): the path between them was broken."},
     PathByServer},
    {{"joined-hang-by-unread", 0, WHYDROP_CAUSE_SERVER_HANG, kMedium,
      "The client waited in vain ({end}), and what it had sent lay unread at the server "
      "({server.unread_at_close_bytes} "
      "bytes) when that closed: the server was alive but did not read."},
     HangByUnread},
    {{"joined-link-down", 0, WHYDROP_CAUSE_LOCAL_LINK_DOWN, kMedium,
      "The client had noticed nothing yet, but its network link was down when it last reported. The server saw: "
      "{server.end}."},
     CutOffByLink},
    {{"joined-address-gone", 0, WHYDROP_CAUSE_LOCAL_ADDRESS_CHANGED, kMedium,
      "The client had noticed nothing yet, but the connection's own address had gone when it last reported. The server "
      "saw: {server.end}."},
     CutOffByAddress},
    {{"joined-no-route", 0, WHYDROP_CAUSE_LOCAL_NO_ROUTE, kMedium,
      "The client had noticed nothing yet, but it had no route to the server when it last reported. The server saw: "
      "{server.end}."},
     CutOffByRoute},
};

constexpr JoinedRule kServerAloneRules[] = {
    {{"alone-transfer", 0, WHYDROP_CAUSE_SERVER_TRANSFER, kLow,
      "The server closed the connection for a transfer; the client did not report."},
     AloneTransfer},
    {{"alone-kick", 0, WHYDROP_CAUSE_SERVER_KICK, kLow,
      "The server closed the connection to remove the player; the client did not report."},
     AloneKick},
    {{"alone-shutdown", 0, WHYDROP_CAUSE_SERVER_SHUTDOWN, kLow,
      "The server closed the connection for its shutdown; the client did not report."},
     AloneShutdown},
    {{"alone-idle", 0, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, kLow,
      "The server closed the idle connection; the client did not report."},
     AloneIdle},
    {{"alone-logout", 0, WHYDROP_CAUSE_LOCAL_CLOSE, kLow,
      "The server closed the connection because the player logged out; the client did not report."},
     AloneLogout},
    {{"alone-server-reset", 0, WHYDROP_CAUSE_SERVER_RESET, kLow,
      "The server closed the connection in a way that resets it (unread bytes: {server.unread_at_close_bytes}); the "
      "client did not report."},
     IsServersResetExplained},
    {{"alone-server-close", 0, WHYDROP_CAUSE_SERVER_CLOSE, kLow,
      "The server closed the connection itself; the client did not report."},
     ServerClosed},
};

template <typename Row, int kCount>
constexpr RuleTable<Row> TableOf(const Row (&rows)[kCount]) {
  return {rows, kCount};
}

}  // namespace

RuleTable<JoinedRule> DeathRules() { return TableOf(kDeathRules); }
RuleTable<JoinedRule> JoinedRules() { return TableOf(kJoinedRules); }
RuleTable<JoinedRule> ServerAloneRules() { return TableOf(kServerAloneRules); }

const Decision* MatchDeathRule(const JoinedView& view) {
  static constexpr auto kDeciders = WithoutSentences(kDeathRules);
  return FirstMatch(kDeciders, view);
}
const Decision* MatchJoinedRule(const JoinedView& view) {
  static constexpr auto kDeciders = WithoutSentences(kJoinedRules);
  return FirstMatch(kDeciders, view);
}
const Decision* MatchServerAloneRule(const JoinedView& view) {
  static constexpr auto kDeciders = WithoutSentences(kServerAloneRules);
  return FirstMatch(kDeciders, view);
}

}  // namespace whydrop
