#include "causes/classifier.h"

#include "causes/conditions.h"
#include "causes/rules.h"

namespace whydrop {
namespace {

constexpr int64_t kEarlierMs = 5000;  // ages of two ends differ by less than this for one event

struct Match {
  const Decision* rule = nullptr;  // whose evidence matched, also where a proxy forbids the verdict
  Verdict verdict;
};

Verdict MakeVerdict(const Decision& rule) { return {rule.cause, rule.confidence, rule.name}; }

bool IsInherited(const Evidence& e) {
  return !HasEnd(e) && e.Has(Field::session_end) && !e.Has(Field::announced_reason);
}

// The cause and confidence come from the wire, so both may be anything.
Verdict InheritedVerdict(const Evidence& e) {
  const int64_t end = e.Get(Field::session_end);
  if (end < WHYDROP_CAUSE_LOCAL_CLOSE || end >= WHYDROP_CAUSE_PATH_TIMEOUT) return MakeVerdict(kNoRule.Decides());
  const Cause cause = static_cast<Cause>(end);
  if (!IsKnownCause(cause)) return MakeVerdict(kNoRule.Decides());
  const int64_t confidence = e.Get(Field::session_end_confidence);
  const bool is_valid = confidence >= 1 && confidence <= 3;
  return {cause, is_valid ? static_cast<Confidence>(confidence) : Confidence::kLow, kInheritedRule.name};
}

// What TCP says is only about the way to a proxy: who hung, reset or closed is then unknown, the rest less sure.
void DistrustTcp(const Evidence& e, Match* match) {
  constexpr int kFirstTcpRule = 8;
  const int number = match->rule->number;
  if (number < kFirstTcpRule || Is(e, Field::protocol, WHYDROP_UDP) || !IsProxied(e)) return;
  if (number == 9 || number == 16 || number == 18) {
    match->verdict = MakeVerdict(kProxyRule.Decides());
  } else {
    match->verdict.confidence = Confidence::kLow;
  }
}

Match MatchClient(const Evidence& e) {
  Match match;
  match.rule = MatchClientRule(e);
  if (match.rule != nullptr && IsCloseOfSilentConnection(e)) {
    Evidence timed_out = e;
    timed_out.Clear(Field::closed_locally);
    timed_out.Set(Field::error_kind, static_cast<int64_t>(ErrorKind::kTimedOut));
    timed_out.Set(Field::operation, WHYDROP_OP_APP_TIMEOUT);
    // An idle connection that is closed right after its last words looks silent too; then no rule finds silence.
    const Decision* silence = MatchClientRule(timed_out);
    if (silence != nullptr) match.rule = silence;
  }
  if (match.rule != nullptr) {
    match.verdict = MakeVerdict(*match.rule);
    DistrustTcp(e, &match);
  } else if (IsInherited(e)) {
    match.verdict = InheritedVerdict(e);
  }
  return match;
}

bool IsDeath(const Evidence& e, const Verdict& verdict) {
  return IsInherited(e) && verdict.rule == kInheritedRule.name && verdict.cause >= WHYDROP_CAUSE_CLIENT_CRASH;
}

bool IsServerEndEarlier(const Evidence& client, const Evidence* server) {
  int64_t client_ms = 0;
  int64_t server_ms = 0;
  if (server == nullptr || !HasEnd(*server) || !EndAge(client, &client_ms) || !EndAge(*server, &server_ms))
    return false;
  return server_ms < client_ms && client_ms - server_ms > kEarlierMs;
}

// The server's end came long before the client's process died: judged as if the client had seen it.
Match MatchEarlierServerEnd(JoinedView view) {
  Evidence client = *view.client;
  client.Clear(Field::session_end);
  view.client = &client;
  const bool is_closed = IsClosed(*view.server);
  const bool is_silence = IsTimeout(*view.server) && !IsPeerAliveButMute(*view.server);
  // Every close carries a reason; the ordinary one after a time-out only cleans up.
  const bool has_reason =
      is_closed && view.server->GetOr(Field::close_reason, WHYDROP_CLOSE_NORMAL) != WHYDROP_CLOSE_NORMAL;
  if (is_silence && !has_reason) {
    view.client_rule = 14;
  } else if (is_closed) {
    view.client_rule = 18;
  }
  Match match;
  match.rule = MatchJoinedRule(view);
  if (match.rule == nullptr) return match;
  match.verdict = MakeVerdict(*match.rule);
  if (match.verdict.confidence > Confidence::kMedium) match.verdict.confidence = Confidence::kMedium;
  return match;
}

Verdict JoinDeath(const JoinedView& view, const Verdict& client_verdict) {
  const Decision* hang = MatchDeathRule(view);
  if (hang != nullptr) return MakeVerdict(*hang);
  if (IsServerEndEarlier(*view.client, view.server)) {
    const Match match = MatchEarlierServerEnd(view);
    return match.rule != nullptr ? match.verdict : client_verdict;
  }
  Verdict verdict = client_verdict;
  int64_t age_ms = 0;
  const bool is_order_known = view.server == nullptr || !HasEnd(*view.server) ||
                              (EndAge(*view.client, &age_ms) && EndAge(*view.server, &age_ms));
  if (is_order_known) verdict.confidence = Confidence::kHigh;
  return verdict;
}

Verdict JoinedVerdictOf(const JoinedView& view, const Verdict& client_verdict) {
  if (IsDeath(*view.client, client_verdict)) return JoinDeath(view, client_verdict);
  const Decision* rule = MatchJoinedRule(view);
  return rule != nullptr ? MakeVerdict(*rule) : client_verdict;
}

bool IsConnectCause(Cause cause) { return cause >= WHYDROP_CAUSE_CONNECT_REFUSED; }
bool IsLogout(const Evidence* e) {
  if (e == nullptr) return false;
  return Is(*e, Field::announced_reason, WHYDROP_CLOSE_LOGOUT) || Is(*e, Field::close_reason, WHYDROP_CLOSE_LOGOUT);
}

Outcome OutcomeOf(Cause cause, const Evidence* client, const Evidence* server, bool recovered) {
  if (IsConnectCause(cause)) return Outcome::kFailed;
  if (client != nullptr && (client->IsFalse(Field::established) || (HasFailed(*client) && IsConnecting(*client)))) {
    return Outcome::kFailed;
  }
  bool is_clean = false;
  switch (cause) {
    case WHYDROP_CAUSE_LOCAL_CLOSE:
    case WHYDROP_CAUSE_CLEAN_EXIT:
      is_clean = true;
      break;
    case WHYDROP_CAUSE_SERVER_CLOSE:
    case WHYDROP_CAUSE_SERVER_RESET:
      is_clean = IsLogout(client) || IsLogout(server);
      break;
    case WHYDROP_CAUSE_SERVER_TRANSFER:
    case WHYDROP_CAUSE_SERVER_KICK:
    case WHYDROP_CAUSE_SERVER_SHUTDOWN:
    case WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT:
      is_clean = client != nullptr && client->Has(Field::announced_reason);
      break;
    default:
      break;
  }
  if (is_clean) return Outcome::kClean;
  return recovered ? Outcome::kRecovered : Outcome::kDropped;
}

}  // namespace

Verdict ClassifyConnection(const Evidence& evidence) { return MatchClient(evidence).verdict; }

Verdict ClassifySessionEnd(const SessionEvidence& evidence) {
  const Decision* rule = MatchSessionRule(evidence);
  return MakeVerdict(rule != nullptr ? *rule : kNoRule.Decides());
}

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kClean:
      return "clean";
    case Outcome::kDropped:
      return "dropped";
    case Outcome::kRecovered:
      return "recovered";
    case Outcome::kFailed:
      return "failed";
  }
  return "dropped";
}

JoinedVerdict ClassifyJoined(const Evidence* client, const Evidence* server, const ServerContext& context,
                             bool recovered) {
  JoinedView view;
  view.client = client;
  view.server = server;
  view.context = context;
  JoinedVerdict joined;
  if (client == nullptr) {
    const Decision* rule = MatchServerAloneRule(view);
    joined.verdict = MakeVerdict(rule != nullptr ? *rule : kNoRule.Decides());
  } else {
    const Match match = MatchClient(*client);
    view.client_rule = match.rule != nullptr ? match.rule->number : 0;
    joined.verdict = JoinedVerdictOf(view, match.verdict);
  }
  joined.outcome = OutcomeOf(joined.verdict.cause, client, server, recovered);
  return joined;
}

}  // namespace whydrop
