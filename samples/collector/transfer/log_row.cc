#include "samples/collector/transfer/log_row.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>

#include "core/labels.h"
#include "core/sha256.h"

namespace whydrop::collector {
namespace {

constexpr int64_t kDayS = 86400;
constexpr int64_t kFutureS = kDayS;  // clocks differ

// Short names of what a server's log usually has.
const std::map<std::string, std::string>& Aliases() {
  static const std::map<std::string, std::string> aliases = {
      {"recv0", "peer_closed"},          {"closed_by_us", "closed_locally"},        {"reason", "close_reason"},
      {"announced", "announced_reason"}, {"unread_bytes", "unread_at_close_bytes"}, {"unsent_bytes", "outq_bytes"}};
  return aliases;
}

// Placed by the batch or decided by the join, so a log cannot say them.
bool IsOurs(const std::string& name) {
  return name == "error_kind" || name == "os_error" || name == "session_end" || name == "session_end_confidence" ||
         name == "ended_ms" || name == "opened_ms" || name == "connected_ms" || name == "failure_ms";
}

[[noreturn]] void Wrong(const std::string& column, const std::string& value, const std::string& wanted) {
  throw LineError(column + ": '" + value.substr(0, 100) + "' is not " + wanted);
}

bool ToNumber(const std::string& text, uint64_t* out) {
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, *out);
  return status == std::errc() && stop == end;
}

std::string Upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c;
  return text;
}

// Unix seconds with an optional fraction, or 2026-11-28T13:25:41[.123]Z.
int64_t ToUnixMs(const std::string& column, const std::string& value, const LogContext& context) {
  constexpr const char* kWanted = "unix seconds, or a time like 2026-11-28T13:25:41.123Z";
  double seconds = 0;
  char* end = nullptr;
  if (value.find('T') == std::string::npos) {
    seconds = std::strtod(value.c_str(), &end);
    if (value.find_first_not_of("0123456789.") != std::string::npos || *end != '\0') Wrong(column, value, kWanted);
  } else {
    std::tm utc{};
    double fraction = 0;
    int used = 0;
    const int found = std::sscanf(value.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
                                  &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &used);
    if (found != 6) Wrong(column, value, kWanted);
    const char* rest = value.c_str() + used;
    if (*rest == '.') {
      fraction = std::strtod(rest, &end);
      rest = end;
    }
    if (std::string(rest) != "Z") Wrong(column, value, kWanted);
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    const std::tm said = utc;
    const std::time_t whole = timegm(&utc);
    // The 31st of a shorter month would quietly become the next one's first.
    if (said.tm_mon != utc.tm_mon || said.tm_mday != utc.tm_mday || said.tm_hour != utc.tm_hour) {
      Wrong(column, value, kWanted);
    }
    seconds = static_cast<double>(whole) + fraction;
  }
  const double oldest = static_cast<double>(context.now_unix_s - int64_t{context.keep_days} * kDayS);
  if (seconds < oldest || seconds > static_cast<double>(context.now_unix_s + kFutureS)) {
    Wrong(column, value,
          "a time of the last " + std::to_string(context.keep_days) +
              " days, which --keep says (unix seconds, not milliseconds)");
  }
  return std::llround(seconds * 1000);
}

void SetError(const std::string& column, const std::string& value, OsFamily family, v1::Evidence* evidence) {
  uint64_t number = 0;
  const bool numeric = ToNumber(value, &number) && number <= INT32_MAX;
  if (numeric && number == 0) return;
  const OsError* known =
      numeric ? FindOsError(family, static_cast<int64_t>(number)) : FindOsError(family, Upper(value));
  if (!numeric && known == nullptr) Wrong(column, value, "a number or name of a socket error of that --platform");
  evidence->set_os_error(numeric ? static_cast<int64_t>(number) : known->number);
  evidence->set_error_kind(known == nullptr ? v1::ERROR_KIND_UNKNOWN : static_cast<v1::ErrorKind>(known->kind));
}

void SetToken(const std::string& column, const std::string& value, const LogContext& context, v1::Connection* message) {
  if (!message->token_hash().empty()) throw LineError(column + ": token and token_hash do not stand together");
  if (column == "token") {
    if (value.size() > kMaxTokenBytes) Wrong(column, "...", "1-64 bytes");
    const auto hash = HashToken(context.app_id.data(), context.app_id.size(), value.data(), value.size());
    message->set_token_hash(hash.data(), hash.size());
    return;
  }
  std::string bytes;
  for (size_t i = 0; i + 1 < value.size(); i += 2) {
    unsigned byte = 0;
    const auto [stop, status] = std::from_chars(value.data() + i, value.data() + i + 2, byte, 16);
    if (status != std::errc() || stop != value.data() + i + 2) break;
    bytes += static_cast<char>(byte);
  }
  if (value.size() != 2 * kTokenHashBytes || bytes.size() != kTokenHashBytes)
    Wrong(column, value, "32 hexadecimal digits");
  message->set_token_hash(bytes);
}

void SetFlag(const std::string& column, const std::string& value, const google::protobuf::FieldDescriptor* field,
             v1::Evidence* evidence) {
  const std::string word = Upper(value);
  const bool yes = word == "1" || word == "TRUE" || word == "YES";
  if (!yes && word != "0" && word != "FALSE" && word != "NO") Wrong(column, value, "1, 0, true, false, yes or no");
  evidence->GetReflection()->SetBool(evidence, field, yes);
}

void SetEnumerator(const std::string& column, const std::string& value, const google::protobuf::FieldDescriptor* field,
                   v1::Evidence* evidence) {
  uint64_t number = 0;
  const auto* type = field->enum_type();
  const auto* found = ToNumber(value, &number) && number <= INT32_MAX
                          ? type->FindValueByNumber(static_cast<int>(number))
                          : type->FindValueByName(Upper(value));
  if (found == nullptr) {
    std::string names;
    for (int i = 0; i < type->value_count(); ++i) names += (i == 0 ? "" : ", ") + type->value(i)->name();
    Wrong(column, value, "one of " + names);
  }
  evidence->GetReflection()->SetEnum(evidence, field, found);
}

// Any other field of the evidence, by its name in report.proto.
void SetField(const std::string& column, const std::string& value, v1::Evidence* evidence) {
  using google::protobuf::FieldDescriptor;
  const auto alias = Aliases().find(column);
  const std::string& name = alias == Aliases().end() ? column : alias->second;
  const FieldDescriptor* field = v1::Evidence::descriptor()->FindFieldByName(name);
  if (field == nullptr || IsOurs(name)) throw LineError(column + " is no column; --ignore leaves one out");
  uint64_t number = 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetFlag(column, value, field, evidence);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnumerator(column, value, field, evidence);
    default:
      if (!ToNumber(value, &number) || number > INT64_MAX) Wrong(column, value, "a whole number");
      evidence->GetReflection()->SetUInt64(evidence, field, number);
  }
}

void SetLabel(const std::string& column, const std::string& value, v1::Connection* message) {
  if (!IsLabel(value.data(), value.size())) Wrong(column, value, "1-32 of [a-z0-9._-]");
  column == "endpoint" ? message->set_endpoint(value) : message->set_network(value);
}

}  // namespace

LoggedConnection ReadRow(const LogRow& row, const LogContext& context) {
  LoggedConnection connection;
  v1::Evidence* evidence = connection.message.mutable_evidence();
  // What a server logs the end of was accepted before, unless it says otherwise.
  evidence->set_established(true);
  evidence->set_protocol(v1::TCP);
  for (const auto& [column, value] : row) {
    if (context.ignored.count(column) != 0) continue;
    if (column == "ended") {
      connection.ended_unix_ms = ToUnixMs(column, value, context);
    } else if (column == "opened") {
      connection.opened_unix_ms = ToUnixMs(column, value, context);
    } else if (column == "token" || column == "token_hash") {
      SetToken(column, value, context, &connection.message);
    } else if (column == "endpoint" || column == "network") {
      SetLabel(column, value, &connection.message);
    } else if (column == "errno") {
      SetError(column, value, context.family, evidence);
    } else {
      SetField(column, value, evidence);
    }
  }
  if (connection.ended_unix_ms == 0) throw LineError("ended: is needed");
  if (connection.opened_unix_ms > connection.ended_unix_ms) throw LineError("opened: is later than ended");
  return connection;
}

}  // namespace whydrop::collector
