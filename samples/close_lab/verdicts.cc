#include "close_lab/verdicts.h"

#include <cstring>

#include "common/http.h"

namespace close_lab {
namespace {

constexpr int kAskMs = 10000;

struct Allowed {
  const char* truth;
  const char* wider;
};

// What the client's record alone may say where it cannot know better. Anything but its own truth is only wider.
constexpr Allowed kWider[] = {
    {"clean_exit", "local_close"},
    {"client_crash", "client_killed"},
    {"client_out_of_memory", "client_killed"},
    {"client_hang", "client_killed"},
    {"client_suspended", "server_close reset_ambiguous reset_after_silence"},
    {"system_shutdown", "system_down"},
    {"local_link_down", "path_timeout"},
    {"local_address_changed", "local_no_route path_timeout"},
    {"local_no_route", "local_link_down path_timeout"},
    {"local_firewall", "reset_ambiguous server_reset path_unreachable path_timeout connect_refused connect_timeout"},
    {"path_unreachable", "path_timeout"},
    {"path_mtu", "path_timeout"},
    {"path_reset", "reset_ambiguous server_reset reset_after_silence"},
    {"path_state_lost", "reset_ambiguous reset_after_silence server_reset path_timeout"},
    {"server_reset", "reset_ambiguous server_close"},
    {"server_transfer", "server_close server_reset reset_ambiguous"},
    {"server_kick", "server_close server_reset reset_ambiguous"},
    {"server_shutdown", "server_close server_reset reset_ambiguous"},
    {"server_idle_timeout", "server_close server_reset reset_ambiguous"},
    {"server_died", "server_close server_reset reset_ambiguous"},
    {"server_host_down", "path_timeout path_unreachable reset_after_silence reset_ambiguous server_reset"},
    {"server_hang", "path_timeout"},
    {"connect_unreachable", "connect_timeout"},
    {"connect_denied", "connect_unreachable"},
};

bool IsWord(const std::string& list, const std::string& word) {
  return (" " + list + " ").find(" " + word + " ") != std::string::npos;
}

bool IsWider(const std::string& truth, const std::string& cause) {
  for (const Allowed& allowed : kWider) {
    if (truth == allowed.truth) return IsWord(allowed.wider, cause);
  }
  return false;
}

// The first text with this name. The collector writes the connection's own before those of its ends.
std::string TextOf(const std::string& json, const std::string& name) {
  const std::string start = "\"" + name + "\":\"";
  const size_t at = json.find(start);
  if (at == std::string::npos) return std::string();
  std::string text;
  for (size_t i = at + start.size(); i < json.size() && json[i] != '"'; ++i) {
    if (json[i] == '\\' && i + 1 < json.size()) ++i;
    text += json[i];
  }
  return text;
}

Grade GradeOf(const Outcome& outcome, const Verdict& verdict, bool joined) {
  const std::string truth = outcome.experiment.base->truth;
  const bool silent = verdict.cause.empty() || verdict.cause == "unknown";
  if (truth == "-") return silent ? Grade::kUndetected : Grade::kWrong;
  if (verdict.cause == truth) return Grade::kRight;
  const bool noticed = outcome.client_saw != "nothing" || (joined && outcome.server_saw != "nothing");
  if (silent) return noticed ? Grade::kUnknown : Grade::kUndetected;
  if (joined) return verdict.cause == outcome.experiment.base->nearest ? Grade::kWider : Grade::kWrong;
  return IsWider(truth, verdict.cause) ? Grade::kWider : Grade::kWrong;
}

}  // namespace

const char* GradeName(Grade grade) {
  static constexpr const char* kNames[] = {"right", "wider", "unknown", "undetected", "WRONG"};
  return kNames[static_cast<int>(grade)];
}

bool AskCollector(const std::string& admin_port, const std::string& app_id, const std::string& token, Verdict* verdict,
                  std::string* error) {
  const std::string target = "/v1/connections?app_id=" + app_id + "&token=" + token;
  const samples::HttpAnswer answer = samples::ExchangeHttp(admin_port, "GET", target, "", "", kAskMs);
  if (answer.status != 200) {
    *error = "the collector answers " + std::to_string(answer.status) + " to " + target;
    return false;
  }
  verdict->cause = TextOf(answer.body, "cause");
  verdict->confidence = TextOf(answer.body, "confidence");
  verdict->rule = TextOf(answer.body, "rule");
  verdict->reason = TextOf(answer.body, "reason");
  return true;
}

void GradeOutcome(Outcome* outcome) {
  outcome->alone_grade = GradeOf(*outcome, outcome->alone, false);
  outcome->joined_grade = GradeOf(*outcome, outcome->joined, true);
}

}  // namespace close_lab
