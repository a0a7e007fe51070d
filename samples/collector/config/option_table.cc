#include "samples/collector/config/option_table.h"

#include <charconv>
#include <limits>

#include "core/labels.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {
namespace {

constexpr const char* kAddressRule = "ADDRESS:PORT with a numeric address";
constexpr const char* kKeyRule = "APP_ID=KEY, the key 1-128 printable characters";
constexpr const char* kQuotaRule = "APP_ID=N/s or APP_ID=N/day, N at least 1";
constexpr uint32_t kLongestS = 30 * 86400;

template <typename T>
bool TakeNumber(const std::string& value, T least, T most, T* out) {
  T number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, status] = std::from_chars(value.data(), end, number);
  if (status != std::errc() || stop != end || number < least || number > most) return false;
  *out = number;
  return true;
}

template <uint32_t Options::*member, uint32_t least, uint32_t most>
bool TakeCount(const std::string& value, Options* options) {
  return TakeNumber(value, least, most, &(options->*member));
}

template <std::string Options::*member>
bool TakeText(const std::string& value, Options* options) {
  options->*member = value;
  return !value.empty();
}

template <Endpoint Options::*member>
bool TakeEndpoint(const std::string& value, Options* options) {
  const size_t colon = value.rfind(':');
  if (colon == std::string::npos) return false;
  std::string host = value.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  uint16_t port = 0;
  if (!IsAddress(host) || !TakeNumber<uint16_t>(value.substr(colon + 1), 0, 65535, &port)) return false;
  options->*member = {host, port};
  return true;
}

// Splits APP_ID=REST.
bool SplitApp(const std::string& value, std::string* app_id, std::string* rest) {
  const size_t equals = value.find('=');
  if (equals == std::string::npos || !IsAppId(value.data(), equals)) return false;
  *app_id = value.substr(0, equals);
  *rest = value.substr(equals + 1);
  return true;
}

template <KeysByApp Options::*member>
bool TakeKey(const std::string& value, Options* options) {
  std::string app_id;
  std::string key;
  if (!SplitApp(value, &app_id, &key)) return false;
  if (key.empty() || key.size() > 128 || !IsPrintableAscii(key.data(), key.size())) return false;
  (options->*member)[app_id].insert(key);
  return true;
}

template <QuotasByApp Options::*member>
bool TakeQuota(const std::string& value, Options* options) {
  std::string app_id;
  std::string text;
  if (!SplitApp(value, &app_id, &text)) return false;
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return false;
  const std::string unit = text.substr(slash + 1);
  Quota quota;
  quota.period = unit == "day" ? QuotaPeriod::kDay : QuotaPeriod::kSecond;
  if (unit != "day" && unit != "s") return false;
  if (!TakeNumber<uint64_t>(text.substr(0, slash), 1, uint64_t{1} << 40, &quota.batches)) return false;
  (options->*member)[app_id].push_back(quota);
  return true;
}

bool TakeHostName(const std::string& value, Options* options) {
  std::string name;
  for (const char c : value) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  if (name.empty() || name.size() > 253) return false;
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") != std::string::npos) return false;
  options->admin_hosts.insert(name);
  return true;
}

bool TakeProxy(const std::string& value, Options* options) {
  Cidr cidr;
  if (!Cidr::Parse(value, &cidr)) return false;
  options->trusted_proxies.push_back(cidr);
  return true;
}

bool TakeDisabled(const std::string& value, Options* options) {
  options->disabled_apps.insert(value);
  return IsAppId(value.data(), value.size());
}

bool TakeAppId(const std::string& value, Options* options) {
  options->app_id = value;
  return IsAppId(value.data(), value.size());
}

bool TakeAppVersion(const std::string& value, Options* options) {
  options->app_version = value;
  return IsAppVersion(value.data(), value.size());
}

// One of two words chooses one of two values.
template <auto Options::*member, auto first, auto second>
bool TakeChoice(const std::string& value, const char* first_word, const char* second_word, Options* options) {
  options->*member = value == first_word ? first : second;
  return value == first_word || value == second_word;
}

bool TakeFormat(const std::string& value, Options* options) {
  return TakeChoice<&Options::format, FileFormat::kCsv, FileFormat::kJsonLines>(value, "csv", "jsonl", options);
}

bool TakeFamily(const std::string& value, Options* options) {
  return TakeChoice<&Options::family, OsFamily::kLinux, OsFamily::kWindows>(value, "linux", "windows", options);
}

bool TakeBadLines(const std::string& value, Options* options) {
  return TakeChoice<&Options::bad_lines, BadLines::kRefuse, BadLines::kSkip>(value, "refuse", "skip", options);
}

bool TakeIgnored(const std::string& value, Options* options) {
  options->ignored_columns.insert(value);
  return true;
}

// NAME=VALUE; what it means is checked where it is asked.
bool TakeFilter(const std::string& value, Options* options) {
  const size_t equals = value.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == value.size()) return false;
  static const std::set<std::string> kNames = {"endpoint", "platform", "from", "to", "outcome"};
  const std::string name = value.substr(0, equals);
  if (kNames.count(name) == 0 && name.compare(0, 4, "tag:") != 0) return false;
  options->filter[name] = value.substr(equals + 1);
  return true;
}

bool TakeLogLevel(const std::string& value, Options* options) {
  constexpr std::pair<const char*, LogLevel> kLevels[] = {{"debug", LogLevel::kDebug},
                                                          {"info", LogLevel::kInfo},
                                                          {"warning", LogLevel::kWarning},
                                                          {"error", LogLevel::kError}};
  for (const auto& [name, level] : kLevels) {
    if (value == name) return options->log_level = level, true;
  }
  return false;
}

bool TakeLogFormat(const std::string& value, Options* options) {
  return TakeChoice<&Options::log_format, LogFormat::kJson, LogFormat::kLogfmt>(value, "json", "logfmt", options);
}

}  // namespace

const std::vector<OptionRow>& OptionTable() {
  constexpr Arity kOne = Arity::kOne;
  constexpr Arity kMany = Arity::kMany;
  constexpr Secrecy kOpen = Secrecy::kOpen;
  constexpr Secrecy kSecret = Secrecy::kSecret;
  static const std::vector<OptionRow> table = {
      {kServe, "listen", "ADDRESS:PORT", kOne, kOpen, "127.0.0.1:8787", TakeEndpoint<&Options::listen>, kAddressRule,
       "where batches are posted to; port 0: any"},
      {kServe, "admin-listen", "ADDRESS:PORT", kOne, kOpen, "127.0.0.1:8788", TakeEndpoint<&Options::admin_listen>,
       kAddressRule,
       "page, JSON interface, metrics. It has no password: keep it on loopback or\nbehind a proxy that asks for one"},
      {kServe, "admin-host", "NAME", kMany, kOpen, nullptr, TakeHostName, "a host name without a port",
       "a host name that the admin address answers to beside addresses and localhost\n(a loopback one: none, others: "
       "any)"},
      {kServe | kImport | kExport | kBackup | kSchema, "store", "URL", kOne, Secrecy::kUrlWithPassword,
       "sqlite:whydrop.db", TakeText<&Options::store_url>, "the URL of a store",
       "sqlite:PATH, or clickhouse:http://HOST:PORT[,HOST:PORT...]/DATABASE[?cluster=NAME&...]"},
      {kServe, "key", "APP_ID=KEY", kMany, kSecret, nullptr, TakeKey<&Options::keys>, kKeyRule,
       "batches of this app's clients need this key, or another one given for it;\nwithout any key, any app id is "
       "taken"},
      {kServe, "server-key", "APP_ID=KEY", kMany, kSecret, nullptr, TakeKey<&Options::server_keys>, kKeyRule,
       "batches of this app's servers need it; they always need one, unless listen is\nloopback and there is no "
       "trusted-proxy"},
      {kServe, "quota", "APP_ID=N/s", kMany, kOpen, nullptr, TakeQuota<&Options::quotas>, kQuotaRule,
       "at most N batches a second of this app's clients, or N/day (UTC)"},
      {kServe, "server-quota", "APP_ID=N/s", kMany, kOpen, nullptr, TakeQuota<&Options::server_quotas>, kQuotaRule,
       "the same for its servers"},
      {kServe, "disable", "APP_ID", kMany, kOpen, nullptr, TakeDisabled, "an app id",
       "tell this app's senders to stop"},
      {kServe, "tls-cert", "FILE", kOne, kOpen, nullptr, TakeText<&Options::tls_cert>, "a file",
       "PEM certificate chain: the ingest address speaks HTTPS, and so does an admin\naddress that is not loopback"},
      {kServe, "tls-key", "FILE", kOne, kOpen, nullptr, TakeText<&Options::tls_key>, "a file", "PEM private key"},
      {kServe, "trusted-proxy", "CIDR", kMany, kOpen, nullptr, TakeProxy, "ADDRESS/BITS",
       "believe X-Forwarded-For from here"},
      {kServe | kImport | kExport | kBackup, "join-window", "SECONDS", kOne, kOpen, "900",
       TakeCount<&Options::join_window_s, 0, kLongestS>, "a number of seconds",
       "how long a connection that one end reported is pending: waits for the other"},
      {kServe | kImport, "keep", "DAYS", kOne, kOpen, "400", TakeCount<&Options::keep_days, 1, 4000>,
       "a number of days from 1 to 4000",
       "what ended longer ago is deleted from the store, and the ids of batches that\ncame longer ago: one sent again "
       "after that is counted again. import deletes nothing, but\nrefuses lines of what ended longer ago"},
      {kServe, "rate-limit", "N", kOne, kOpen, "1000", TakeCount<&Options::rate_limit, 0, 1000000>,
       "a number up to 1000000, 0 for none", "requests a second for each address, for IPv6 each /64; 0: none"},
      {kServe, "max-connections", "N", kOne, kOpen, "10000", TakeCount<&Options::max_connections, 1, 1000000>,
       "a number from 1 to 1000000", "connections open at once to the ingest address"},
      {kServe, "max-connections-per-address", "N", kOne, kOpen, "1000",
       TakeCount<&Options::max_connections_per_address, 0, 1000000>, "a number up to 1000000, 0 for none",
       "of them from one address, for IPv6 each /64; a trusted proxy may have all; 0: none"},
      {kServe, "body-memory", "MIB", kOne, kOpen, "256", TakeCount<&Options::body_memory_mib, 1, 1000000>,
       "a number from 1 to 1000000",
       "for the bodies of uploads that come in, 256 KiB each at most; what goes beyond\nit is told to come again. One "
       "address gets the part of it that it gets of the connections"},
      {kServe, "threads", "N", kOne, kOpen, "4", TakeCount<&Options::threads, 1, 256>, "a number from 1 to 256",
       "that speak HTTP and TLS"},
      {kServe, "stop-delay", "SECONDS", kOne, kOpen, "0", TakeCount<&Options::stop_delay_s, 0, 3600>,
       "a number of seconds up to 3600",
       "after the signal to stop go on so long with /readyz saying 503, until the\nbalancer sends nothing any more"},
      {kServe, "drain", "SECONDS", kOne, kOpen, "10", TakeCount<&Options::drain_s, 0, 3600>,
       "a number of seconds up to 3600", "then wait at most so long for the requests under way"},
      {kServe, "max-lag", "SECONDS", kOne, kOpen, "300", TakeCount<&Options::max_lag_s, 1, kLongestS>,
       "a number of seconds", "/readyz says 503 if answers are further behind what was acknowledged"},
      {kServe, "question-limit", "SECONDS", kOne, kOpen, "60", TakeCount<&Options::question_limit_s, 1, 3600>,
       "a number of seconds from 1 to 3600", "a question that takes longer is given up, with 503"},
      {kServe | kImport | kExport | kBackup, "log-level", "LEVEL", kOne, kOpen, "info", TakeLogLevel,
       "debug, info, warning or error", "debug, info, warning or error"},
      {kServe | kImport | kExport | kBackup, "log-format", "FORMAT", kOne, kOpen, "logfmt", TakeLogFormat,
       "logfmt or json", "logfmt, or json: one object on each line"},
      {kImport | kExport, "app-id", "APP_ID", kOne, kOpen, nullptr, TakeAppId, "an app id",
       "whose connections they are; import needs it"},
      {kImport | kExport, "app-version", "VERSION", kOne, kOpen, nullptr, TakeAppVersion, "1-64 bytes of UTF-8",
       "of the server that wrote the log; for export only those of clients of this version"},
      {kImport | kExport, "format", "FORMAT", kOne, kOpen, nullptr, TakeFormat, "csv or jsonl",
       "csv, or jsonl: one object on each line. Without it import looks at the file's\nname, and export writes csv"},
      {kImport, "platform", "SYSTEM", kOne, kOpen, "linux", TakeFamily, "linux or windows",
       "whose numbers the errors are"},
      {kImport, "ignore", "COLUMN", kMany, kOpen, nullptr, TakeIgnored, "a column", "a column that means nothing here"},
      {kImport, "bad-lines", "WHAT", kOne, kOpen, "refuse", TakeBadLines, "refuse or skip",
       "refuse: one wrong line, and nothing is imported; skip: leave those lines out.\nEither way the exit code is 3"},
      {kExport, "filter", "NAME=VALUE", kMany, kOpen, nullptr, TakeFilter,
       "NAME=VALUE with endpoint, platform, outcome, from, to or tag:<key>",
       "only these: endpoint, platform, outcome, tag:<key>; from and to in unix seconds"},
  };
  return table;
}

std::string Showable(const OptionRow& row, const std::string& value) {
  switch (row.secrecy) {
    case Secrecy::kOpen:
      return value;
    case Secrecy::kUrlWithPassword:
      return WithoutPassword(value);
    case Secrecy::kSecret:
      break;
  }
  const size_t equals = value.find('=');
  return (equals == std::string::npos ? "" : value.substr(0, equals + 1)) + "(secret)";
}

}  // namespace whydrop::collector
