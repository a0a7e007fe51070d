#include "samples/collector/store/clickhouse/engine/url.h"

#include <algorithm>
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

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986: %40 is '@'. False: a '%' without two hexadecimal digits behind it.
bool Unescape(const std::string& text, std::string* out) {
  out->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      *out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? DigitOf(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : DigitOf(text[i + 2]);
    if (low < 0) return false;
    *out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
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
  std::string value;
  if (equals != std::string::npos && !Unescape(option.substr(equals + 1), &value))
    Refuse("'" + option + "' has a '%' that is not written %25");
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

// USER or USER:PASSWORD. No error text holds any of it.
void TakeUser(const std::string& text, Settings* settings) {
  const size_t colon = text.find(':');
  settings->user = text.substr(0, colon);
  if (!IsName(settings->user)) Refuse("no name of a user stands before the '@'");
  if (colon != std::string::npos && !Unescape(text.substr(colon + 1), &settings->password))
    Refuse("the password has a '%' that is not written %25");
  if (settings->password.find_first_of(std::string("\r\n\0", 3)) != std::string::npos)
    Refuse("the password has more than one line");
}

}  // namespace

Settings ParseUrl(const std::string& text) {
  Settings settings;
  const size_t scheme = text.find("://");
  const std::string protocol = text.substr(0, scheme);
  if (scheme == std::string::npos || (protocol != "http" && protocol != "https")) Refuse("no http:// or https://");
  std::string rest = text.substr(scheme + 3);
  const size_t at = rest.substr(0, rest.find_first_of("/?#")).rfind('@');
  if (at != std::string::npos) {
    TakeUser(rest.substr(0, at), &settings);
    rest.erase(0, at + 1);
  }
  // It would be the end of a password, whose beginning no error text may show.
  if (rest.find('@') != std::string::npos)
    Refuse("an '@' stands behind the host; in a password / ? # @ % are written %2F %3F %23 %40 %25");
  const size_t question = rest.find('?');
  const std::string options = question == std::string::npos ? "" : rest.substr(question + 1);
  rest.resize(std::min(question, rest.size()));
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
    for (const std::string& option : Split(options, '&')) TakeOption(option, &settings);
  }
  return settings;
}

}  // namespace whydrop::collector::clickhouse
