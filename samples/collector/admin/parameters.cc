#include "samples/collector/admin/parameters.h"

#include <charconv>

#include "core/labels.h"
#include "core/sha256.h"
#include "samples/collector/admin/answers.h"

namespace whydrop::collector {
namespace {

// What the store writes in place of a label beyond an app's limit.
constexpr const char* kFolded = "(other)";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string UrlDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) throw BadRequest("the query has a broken %-escape");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

bool IsLabelOrFolded(const std::string& text) { return text == kFolded || IsLabel(text.data(), text.size()); }

// Within a century of today, so that no sum with it leaves its type.
std::optional<int64_t> GetTime(const Parameters& parameters, const std::string& name) {
  constexpr int64_t kLatestS = 5000000000;  // in the year 2128
  const std::optional<int64_t> time = GetNumber(parameters, name);
  if (time && (*time < 0 || *time > kLatestS)) throw BadRequest(name + ": must be unix seconds from 0 to 5000000000");
  return time;
}

std::string HexToBytes(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return "";
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

}  // namespace

const std::set<std::string> kSessionFilterNames = {"app_id", "app_version", "platform", "from", "to"};
const std::set<std::string> kConnectionFilterNames = {"app_id", "app_version", "platform", "from", "to", "endpoint"};

Parameters ParseQuery(std::string_view query, const std::set<std::string>& known, TakesTags takes_tags) {
  Parameters parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = UrlDecode(pair.substr(0, equals));
    const bool tag = takes_tags == TakesTags::kYes && name.compare(0, 4, "tag:") == 0;
    if (tag && !IsTagKey(name.data() + 4, name.size() - 4)) throw BadRequest("'" + name + "' is no tag");
    if (!tag && known.count(name) == 0) throw BadRequest("unknown parameter '" + name + "'");
    const std::string value = equals < pair.size() ? UrlDecode(pair.substr(equals + 1)) : "";
    // Of two values one would win in silence, and the answer would be to another question than the one that was read.
    if (!value.empty() && !parameters.emplace(name, value).second) throw BadRequest(name + ": stands there twice");
  }
  return parameters;
}

std::string Get(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

std::optional<int64_t> GetNumber(const Parameters& parameters, const std::string& name) {
  const std::string text = Get(parameters, name);
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc() || stop != end) throw BadRequest(name + ": '" + text + "' is not a whole number");
  return value;
}

std::string GetAppId(const Parameters& parameters) {
  std::string app_id = Get(parameters, "app_id");
  if (!app_id.empty() && !IsAppId(app_id.data(), app_id.size())) {
    throw BadRequest("app_id: must be 1-64 of [a-z0-9._-] without a leading dot");
  }
  return app_id;
}

std::optional<Outcome> GetOutcome(const Parameters& parameters) {
  const std::string text = Get(parameters, "outcome");
  if (text.empty()) return std::nullopt;
  for (const Outcome outcome : {Outcome::kClean, Outcome::kDropped, Outcome::kRecovered, Outcome::kFailed}) {
    if (text == OutcomeName(outcome)) return outcome;
  }
  throw BadRequest("outcome: '" + text + "' is not clean, dropped, recovered or failed");
}

std::optional<Cause> GetCause(const Parameters& parameters, const std::string& name) {
  const std::string text = Get(parameters, name);
  if (text.empty()) return std::nullopt;
  Cause cause = 0;
  if (!CauseFromName(text.c_str(), &cause)) throw BadRequest(name + ": '" + text + "' is no cause");
  return cause;
}

std::vector<std::string> GetGroupBy(const Parameters& parameters) {
  static const std::set<std::string> kDimensions = {"cause",   "side",     "outcome", "app_version", "endpoint",
                                                    "network", "platform", "day",     "hour",        "server_error"};
  constexpr size_t kMaxDimensions = 8;
  std::string text = Get(parameters, "group_by");
  if (text.empty()) text = "cause";
  std::vector<std::string> group_by;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string name = text.substr(begin, end - begin);
    const bool tag = name.compare(0, 4, "tag:") == 0 && IsTagKey(name.data() + 4, name.size() - 4);
    if (!tag && kDimensions.count(name) == 0) throw BadRequest("group_by: '" + name + "' is no dimension");
    group_by.push_back(name);
    begin = end + 1;
  }
  if (group_by.size() > kMaxDimensions) throw BadRequest("group_by: at most 8 dimensions");
  if (std::set<std::string>(group_by.begin(), group_by.end()).size() != group_by.size()) {
    throw BadRequest("group_by: a dimension stands there twice");
  }
  return group_by;
}

uint32_t GetLimit(const Parameters& parameters) {
  constexpr int64_t kDefaultLimit = 100;
  constexpr int64_t kMaxLimit = 1000;
  const int64_t limit = GetNumber(parameters, "limit").value_or(kDefaultLimit);
  if (limit < 1 || limit > kMaxLimit) throw BadRequest("limit: must be 1-1000");
  return static_cast<uint32_t>(limit);
}

std::string GetTokenHash(const Parameters& parameters, const std::string& app_id) {
  const std::string token = Get(parameters, "token");
  const std::string hex = Get(parameters, "token_hash");
  if (!hex.empty()) {
    if (!token.empty()) throw BadRequest("token_hash: stands in place of token, not beside it");
    const std::string bytes = hex.size() == 2 * kTokenHashBytes ? HexToBytes(hex) : "";
    if (bytes.size() != kTokenHashBytes) throw BadRequest("token_hash: must be 32 hexadecimal digits");
    return bytes;
  }
  if (token.empty() || token.size() > kMaxTokenBytes) throw BadRequest("token: 1-64 bytes are needed");
  const auto hash = HashToken(app_id.data(), app_id.size(), token.data(), token.size());
  return std::string(reinterpret_cast<const char*>(hash.data()), hash.size());
}

std::string GetSessionId(const Parameters& parameters) {
  const std::string hex = Get(parameters, "session_id");
  if (hex.empty()) return "";
  const std::string bytes = hex.size() == 2 * sizeof(SessionId) ? HexToBytes(hex) : "";
  if (bytes.size() != sizeof(SessionId)) throw BadRequest("session_id: must be 32 hexadecimal digits");
  return bytes;
}

void GetFilter(const Parameters& parameters, SessionFilter* filter) {
  filter->app_id = GetAppId(parameters);
  filter->app_version = Get(parameters, "app_version");
  if (!filter->app_version.empty() && !IsAppVersion(filter->app_version.data(), filter->app_version.size())) {
    throw BadRequest("app_version: must be 1-64 bytes of UTF-8");
  }
  const std::string platform = Get(parameters, "platform");
  if (!platform.empty()) {
    filter->platform = PlatformFromName(platform);
    if (!filter->platform) throw BadRequest("platform: '" + platform + "' is not unknown, linux, windows or wine");
  }
  filter->from = GetTime(parameters, "from");
  filter->to = GetTime(parameters, "to");
  if (filter->from && filter->to && *filter->from > *filter->to) throw BadRequest("to: lies before from");
  for (const auto& [name, value] : parameters) {
    if (name.compare(0, 4, "tag:") != 0) continue;
    if (value != kFolded && !IsTagValue(value.data(), value.size())) {
      throw BadRequest(name + ": must be 1-32 of [A-Za-z0-9._+-]");
    }
    filter->tags.emplace_back(name.substr(4), value);
  }
  // No session has more, and each is a condition of its own for the engine.
  if (filter->tags.size() > kMaxTags) throw BadRequest("tag: at most 16 tags can be asked for at once");
}

void GetFilter(const Parameters& parameters, ConnectionFilter* filter) {
  GetFilter(parameters, static_cast<SessionFilter*>(filter));
  filter->endpoint = Get(parameters, "endpoint");
  if (!filter->endpoint.empty() && !IsLabelOrFolded(filter->endpoint)) {
    throw BadRequest("endpoint: must be 1-32 of [a-z0-9._-]");
  }
}

}  // namespace whydrop::collector
