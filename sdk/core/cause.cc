#include "core/cause.h"

#include <cstring>

namespace whydrop {
namespace {

struct Row {
  Cause cause;
  const char* name;
};

constexpr Row kRows[] = {
    {WHYDROP_CAUSE_UNKNOWN, "unknown"},
    {WHYDROP_CAUSE_LOCAL_CLOSE, "local_close"},
    {WHYDROP_CAUSE_CLEAN_EXIT, "clean_exit"},
    {WHYDROP_CAUSE_CLIENT_CRASH, "client_crash"},
    {WHYDROP_CAUSE_CLIENT_KILLED, "client_killed"},
    {WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY, "client_out_of_memory"},
    {WHYDROP_CAUSE_CLIENT_HANG, "client_hang"},
    {WHYDROP_CAUSE_CLIENT_SUSPENDED, "client_suspended"},
    {WHYDROP_CAUSE_SYSTEM_SHUTDOWN, "system_shutdown"},
    {WHYDROP_CAUSE_SYSTEM_DOWN, "system_down"},
    {WHYDROP_CAUSE_LOCAL_LINK_DOWN, "local_link_down"},
    {WHYDROP_CAUSE_LOCAL_ADDRESS_CHANGED, "local_address_changed"},
    {WHYDROP_CAUSE_LOCAL_NO_ROUTE, "local_no_route"},
    {WHYDROP_CAUSE_LOCAL_FIREWALL, "local_firewall"},
    {WHYDROP_CAUSE_LOCAL_ABORT, "local_abort"},
    {WHYDROP_CAUSE_PATH_TIMEOUT, "path_timeout"},
    {WHYDROP_CAUSE_PATH_UNREACHABLE, "path_unreachable"},
    {WHYDROP_CAUSE_PATH_MTU, "path_mtu"},
    {WHYDROP_CAUSE_PATH_OVERSIZE_UDP, "path_oversize_udp"},
    {WHYDROP_CAUSE_PATH_RESET, "path_reset"},
    {WHYDROP_CAUSE_PATH_STATE_LOST, "path_state_lost"},
    {WHYDROP_CAUSE_RESET_AFTER_SILENCE, "reset_after_silence"},
    {WHYDROP_CAUSE_RESET_AMBIGUOUS, "reset_ambiguous"},
    {WHYDROP_CAUSE_SERVER_CLOSE, "server_close"},
    {WHYDROP_CAUSE_SERVER_RESET, "server_reset"},
    {WHYDROP_CAUSE_SERVER_TRANSFER, "server_transfer"},
    {WHYDROP_CAUSE_SERVER_KICK, "server_kick"},
    {WHYDROP_CAUSE_SERVER_SHUTDOWN, "server_shutdown"},
    {WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, "server_idle_timeout"},
    {WHYDROP_CAUSE_SERVER_DIED, "server_died"},
    {WHYDROP_CAUSE_SERVER_HOST_DOWN, "server_host_down"},
    {WHYDROP_CAUSE_SERVER_HANG, "server_hang"},
    {WHYDROP_CAUSE_CONNECT_REFUSED, "connect_refused"},
    {WHYDROP_CAUSE_CONNECT_TIMEOUT, "connect_timeout"},
    {WHYDROP_CAUSE_CONNECT_UNREACHABLE, "connect_unreachable"},
    {WHYDROP_CAUSE_CONNECT_DENIED, "connect_denied"},
    {WHYDROP_CAUSE_RESOLVE_FAILED, "resolve_failed"},
    {WHYDROP_CAUSE_TLS_FAILED, "tls_failed"},
};
constexpr int kRowCount = sizeof(kRows) / sizeof(kRows[0]);

const Row* Find(Cause cause) {
  for (const Row& row : kRows) {
    if (row.cause == cause) return &row;
  }
  return nullptr;
}

}  // namespace

const char* CauseName(Cause cause) {
  const Row* row = Find(cause);
  return row != nullptr ? row->name : "unknown";
}

const char* CauseSide(Cause cause) {
  static constexpr const char* kSides[] = {"unknown", "application", "client_process", "client_machine",
                                           "path",    "server",      "connect"};
  if (!IsKnownCause(cause)) return "unknown";
  return kSides[cause / 100];
}

const char* ConfidenceName(Confidence confidence) {
  static constexpr const char* kNames[] = {"none", "low", "medium", "high"};
  const int index = static_cast<int>(confidence);
  return index >= 0 && index <= 3 ? kNames[index] : "none";
}

bool IsKnownCause(Cause cause) { return Find(cause) != nullptr; }

bool CauseFromName(const char* name, Cause* out) {
  for (const Row& row : kRows) {
    if (std::strcmp(row.name, name) == 0) {
      *out = row.cause;
      return true;
    }
  }
  return false;
}

const Cause* AllCauses(int* count) {
  static Cause causes[kRowCount];
  static const bool filled = [] {
    for (int i = 0; i < kRowCount; ++i) causes[i] = kRows[i].cause;
    return true;
  }();
  (void)filled;
  *count = kRowCount;
  return causes;
}

}  // namespace whydrop
