#include "samples/collector/store/clickhouse/engine/url.h"

#include <charconv>

#include "samples/collector/store/store.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr const char* kForm =
    "clickhouse:http://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]/DATABASE[?cluster=NAME&spool=DIRECTORY...]";

// Names get into SQL as they are.
bool IsName(const std::string& text) {
  if (text.empty() || text.size() > 64) return false;
  const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  return letters.find(text[0]) != std::string::npos &&
         text.find_first_not_of(letters + "0123456789") == std::string::npos;
}

[[noreturn]] void Refuse(const std::string& what) { throw StoreError(what + "; the form is " + kForm); }

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t at = text.find(separator); at != std::string::npos; at = text.find(separator, from)) {
    parts.push_back(text.substr(from, at - from));
    from = at + 1;
  }
  parts.push_back(text.substr(from));
  return parts;
}

uint32_t ParseNumber(const std::string& name, const std::string& value) {
  uint32_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, status] = std::from_chars(value.data(), end, number);
  if (status != std::errc() || stop != end || number == 0) Refuse("'" + name + "=" + value + "' is no number above 0");
  return number;
}

void TakeOption(const std::string& option, Settings* settings) {
  const size_t equals = option.find('=');
  const std::string name = option.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
  if (name == "cluster") {
    if (!IsName(value)) Refuse("'" + value + "' is no name of a cluster");
    settings->cluster = value;
  } else if (name == "spool") {
    if (value.empty()) Refuse("spool is no directory");
    settings->spool = value;
  } else if (name == "spool_mb") {
    settings->spool_mb = ParseNumber(name, value);
  } else if (name == "block_ms") {
    settings->block_ms = ParseNumber(name, value);
  } else if (name == "block_rows") {
    settings->block_rows = ParseNumber(name, value);
  } else if (name == "create") {
    settings->create = value == "1";
  } else {
    Refuse("there is no option '" + name + "'");
  }
}

}  // namespace

Settings ParseUrl(const std::string& text) {
  Settings settings;
  const size_t question = text.find('?');
  const std::string address = text.substr(0, question);
  const size_t scheme = address.find("://");
  const std::string protocol = address.substr(0, scheme);
  if (scheme == std::string::npos || (protocol != "http" && protocol != "https")) Refuse("no http:// or https://");
  std::string rest = address.substr(scheme + 3);
  if (const size_t at = rest.rfind('@'); at != std::string::npos) {
    const std::string who = rest.substr(0, at);
    const size_t colon = who.find(':');
    if (!IsName(who.substr(0, colon))) Refuse("no name of a user stands before the '@'");
    settings.user = who.substr(0, colon);
    if (colon != std::string::npos) settings.password = who.substr(colon + 1);
    if (settings.password.find_first_of("\r\n") != std::string::npos) Refuse("the password has more than one line");
    rest.erase(0, at + 1);
  }
  const size_t slash = rest.find('/');
  if (slash == std::string::npos) Refuse("no database");
  settings.database = rest.substr(slash + 1);
  if (!IsName(settings.database)) Refuse("'" + settings.database + "' is no name of a database");
  for (const std::string& host : Split(rest.substr(0, slash), ',')) {
    const bool plain = host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") ==
                       std::string::npos;
    if (host.empty() || !plain) Refuse("'" + host + "' is no host and port");
    settings.nodes.push_back(protocol + "://" + host);
  }
  if (question != std::string::npos) {
    for (const std::string& option : Split(text.substr(question + 1), '&')) TakeOption(option, &settings);
  }
  return settings;
}

}  // namespace whydrop::collector::clickhouse
