// Sentences: the deciding rule's text with the values it saw.
#include <cstring>

#include "causes/classifier.h"
#include "causes/conditions.h"
#include "causes/rules.h"

namespace whydrop {
namespace {

const char* ErrorKindName(int64_t kind) {
  static const char* const kNames[] = {"an unknown error",
                                       "ECONNRESET",
                                       "ECONNABORTED",
                                       "WSAECONNABORTED",
                                       "ETIMEDOUT",
                                       "EHOSTUNREACH",
                                       "ENETUNREACH",
                                       "ENETDOWN",
                                       "WSAENETRESET",
                                       "ECONNREFUSED",
                                       "EPIPE",
                                       "EACCES",
                                       "EPERM",
                                       "EMSGSIZE",
                                       "ENOBUFS",
                                       "EADDRNOTAVAIL",
                                       "a name that was not found",
                                       "a failed handshake"};
  static_assert(sizeof kNames / sizeof *kNames == kMaxErrorKind + 1, "one name for each kind");
  return kind >= 0 && kind <= kMaxErrorKind ? kNames[kind] : kNames[0];
}

const char* OperationName(int64_t operation) {
  static const char* const kNames[] = {"the connection", "resolve", "connect", "the TLS handshake",
                                       "send",           "recv",    "poll"};
  return operation >= 0 && operation < WHYDROP_OP_APP_TIMEOUT ? kNames[operation] : kNames[0];
}

const char* CloseReasonName(int64_t reason) {
  static const char* const kNames[] = {"normal", "transfer", "logout", "kick", "shutdown", "idle"};
  return reason >= 0 && reason <= WHYDROP_CLOSE_IDLE ? kNames[reason] : "unknown reason";
}

std::string ErrorText(const Evidence& e) {
  if (IsAppTimeout(e)) return "The application stopped waiting (its own time-out)";
  if (!e.Has(Field::error_kind)) return "No error was reported";
  std::string text = OperationName(e.Get(Field::operation));
  text += " failed with ";
  text += ErrorKindName(e.Get(Field::error_kind));
  if (e.Has(Field::os_error) && e.Get(Field::os_error) != 0)
    text += " (" + std::to_string(e.Get(Field::os_error)) + ")";
  return text;
}

std::string EndText(const Evidence& e) {
  if (HasFailed(e)) return ErrorText(e);
  if (e.IsTrue(Field::peer_closed)) return "recv returned 0";
  if (e.IsTrue(Field::closed_locally)) return "closed by its own application";
  if (e.Has(Field::session_end)) return "open when its process ended";
  return "no end recorded";
}

// Field's number by name, 0: no such field.
int FieldNumber(const std::string& name) {
  for (int number = 1; number < kFieldLimit; ++number) {
    const char* field = FieldName(number);
    if (field != nullptr && name == field) return number;
  }
  return 0;
}

std::string ValueText(const std::string& name, const Evidence* e) {
  if (e == nullptr) return "no record";
  if (name == "error") return ErrorText(*e);
  if (name == "end") return EndText(*e);
  if (name == "session") {
    const int64_t end = e->Get(Field::session_end);
    return CauseName(end > 0 && end < 1000 ? static_cast<Cause>(end) : WHYDROP_CAUSE_UNKNOWN);
  }
  const int number = FieldNumber(name);
  if (number == 0) return "?";
  const Field field = static_cast<Field>(number);
  if (!e->Has(field)) return "unknown";
  if (field == Field::announced_reason || field == Field::close_reason) return CloseReasonName(e->Get(field));
  return std::to_string(e->Get(field));
}

std::string Render(const char* sentence, const Evidence* client, const Evidence* server) {
  static const std::string kServer = "server.";
  std::string text;
  for (const char* at = sentence; *at != '\0'; ++at) {
    const char* close = *at == '{' ? std::strchr(at, '}') : nullptr;
    if (close == nullptr) {
      text += *at;
      continue;
    }
    std::string name(at + 1, close);
    const bool is_server = name.compare(0, kServer.size(), kServer) == 0;
    if (is_server) name.erase(0, kServer.size());
    text += ValueText(name, is_server ? server : client);
    at = close;
  }
  return text;
}

template <typename Row>
const Rule* FindByName(const RuleTable<Row>& table, const char* name) {
  for (const Row& row : table) {
    if (std::strcmp(row.rule.name, name) == 0) return &row.rule;
  }
  return nullptr;
}

const Rule& RuleOf(const Verdict& verdict) {
  const char* name = verdict.rule != nullptr ? verdict.rule : kNoRule.name;
  if (std::strcmp(name, kInheritedRule.name) == 0) return kInheritedRule;
  if (std::strcmp(name, kProxyRule.name) == 0) return kProxyRule;
  const Rule* rule = FindByName(ClientRules(), name);
  if (rule == nullptr) rule = FindByName(SessionRules(), name);
  if (rule == nullptr) rule = FindByName(DeathRules(), name);
  if (rule == nullptr) rule = FindByName(JoinedRules(), name);
  if (rule == nullptr) rule = FindByName(ServerAloneRules(), name);
  return rule != nullptr ? *rule : kNoRule;
}

}  // namespace

std::string Explain(const Verdict& verdict, const Evidence& evidence) {
  return ExplainJoined(verdict, &evidence, nullptr);
}

std::string ExplainJoined(const Verdict& verdict, const Evidence* client, const Evidence* server) {
  // Where only the server reported, a rule that speaks of one end speaks of the server's.
  return Render(RuleOf(verdict).sentence, client != nullptr ? client : server, server);
}

}  // namespace whydrop
