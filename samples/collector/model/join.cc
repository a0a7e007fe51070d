#include "samples/collector/model/join.h"

#include "samples/collector/model/os_errors.h"

namespace whydrop::collector {
namespace {

constexpr int32_t kPlatformWindows = 2;
constexpr int32_t kPlatformWine = 3;
constexpr int64_t kOperationAppTimeout = 7;

bool IsDeath(int32_t cause) { return cause >= WHYDROP_CAUSE_CLIENT_CRASH && cause <= WHYDROP_CAUSE_SYSTEM_DOWN; }

bool SawItsEnd(const Evidence& evidence) {
  return evidence.Has(Field::error_kind) || evidence.IsTrue(Field::peer_closed) ||
         evidence.IsTrue(Field::closed_locally);
}

ServerContext ContextOf(const std::optional<EndRecord>& client, const std::optional<EndRecord>& server) {
  ServerContext context;
  // Rows are judged by what is known now, and again when a late report arrives.
  context.window_passed = true;
  context.refuses = client && client->next_refused;
  if (!server) return context;
  context.seen = true;
  context.end_recorded = SawItsEnd(server->evidence);
  context.process_replaced = server->replaced != Replaced::kNo || (server->open && IsDeath(server->session_end));
  context.host_replaced =
      server->replaced == Replaced::kHost || (server->open && server->session_end == WHYDROP_CAUSE_SYSTEM_DOWN);
  return context;
}

}  // namespace

Joined Join(const std::optional<EndRecord>& client, const std::optional<EndRecord>& server, bool recovered) {
  Joined joined;
  joined.verdict = ClassifyJoined(client ? &client->evidence : nullptr, server ? &server->evidence : nullptr,
                                  ContextOf(client, server), recovered);
  joined.server_error = server ? ServerErrorName(*server) : "no record";
  return joined;
}

bool TellsAnEnd(const EndRecord& record) {
  return !record.open || !record.more_reports_follow || record.replaced != Replaced::kNo || SawItsEnd(record.evidence);
}

bool IsRefusedAfter(const Evidence& ended, const Evidence& attempt) {
  constexpr uint64_t kSoonMs = 10000;
  const bool refused = attempt.Has(Field::error_kind) &&
                       attempt.Get(Field::error_kind) == static_cast<int64_t>(ErrorKind::kRefused);
  if (!refused || !ended.Has(Field::failure_ms) || !attempt.Has(Field::failure_ms)) return false;
  // Unsigned, so that an earlier one is far away and hostile values do not overflow.
  return static_cast<uint64_t>(attempt.Get(Field::failure_ms)) - static_cast<uint64_t>(ended.Get(Field::failure_ms)) <=
         kSoonMs;
}

std::string ServerErrorName(const EndRecord& server) {
  const Evidence& evidence = server.evidence;
  const int64_t number = evidence.Get(Field::os_error);
  if (number != 0) {
    const bool windows = server.platform == kPlatformWindows || server.platform == kPlatformWine;
    const OsError* known = FindOsError(windows ? OsFamily::kWindows : OsFamily::kLinux, number);
    return std::to_string(number) + (known != nullptr ? std::string(" ") + known->name : "");
  }
  if (evidence.Get(Field::operation) == kOperationAppTimeout) return "time-out";
  if (evidence.IsTrue(Field::peer_closed)) return "recv 0";
  return "none";
}

Outcome OutcomeOfCause(Cause cause) {
  if (cause == WHYDROP_CAUSE_LOCAL_CLOSE || cause == WHYDROP_CAUSE_CLEAN_EXIT) return Outcome::kClean;
  return cause >= WHYDROP_CAUSE_CONNECT_REFUSED ? Outcome::kFailed : Outcome::kDropped;
}

}  // namespace whydrop::collector
