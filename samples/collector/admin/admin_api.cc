#include "samples/collector/admin/admin_api.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

#include "core/labels.h"
#include "core/sha256.h"
#include "samples/collector/admin/json.h"
#include "samples/collector/log_line.h"
#include "samples/collector/page/page.h"

namespace whydrop::collector {
namespace {

// The asker's mistake; what() names the parameter.
class BadRequest : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

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

std::map<std::string, std::string> ParseQuery(std::string_view query, const std::set<std::string>& known) {
  std::map<std::string, std::string> parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = UrlDecode(pair.substr(0, equals));
    if (known.count(name) == 0) throw BadRequest("unknown parameter '" + name + "'");
    const std::string value = equals < pair.size() ? UrlDecode(pair.substr(equals + 1)) : "";
    if (!value.empty()) parameters[name] = value;
  }
  return parameters;
}

std::string Get(const std::map<std::string, std::string>& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

std::optional<int64_t> GetNumber(const std::map<std::string, std::string>& parameters, const std::string& name) {
  const std::string text = Get(parameters, name);
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc() || stop != end) throw BadRequest(name + ": '" + text + "' is not a whole number");
  return value;
}

std::string GetAppId(const std::map<std::string, std::string>& parameters) {
  std::string app_id = Get(parameters, "app_id");
  if (!app_id.empty() && !IsAppId(app_id.data(), app_id.size())) {
    throw BadRequest("app_id: must be 1-64 of [a-z0-9._-] without a leading dot");
  }
  return app_id;
}

std::optional<Outcome> GetOutcome(const std::map<std::string, std::string>& parameters) {
  const std::string text = Get(parameters, "outcome");
  if (text.empty()) return std::nullopt;
  for (const Outcome outcome : {Outcome::kClean, Outcome::kDropped, Outcome::kRecovered, Outcome::kFailed}) {
    if (text == OutcomeName(outcome)) return outcome;
  }
  throw BadRequest("outcome: '" + text + "' is not clean, dropped, recovered or failed");
}

std::vector<std::string> GetGroupBy(const std::map<std::string, std::string>& parameters) {
  static const std::set<std::string> kDimensions = {"cause",   "side",     "outcome", "app_version", "endpoint",
                                                    "network", "platform", "day",     "server_error"};
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

std::string NumberOrNull(std::optional<int64_t> value) { return value ? std::to_string(*value) : "null"; }

std::string Share(uint64_t part, uint64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string EvidenceJson(const Evidence& evidence) {
  JsonObject object;
  for (int number = 1; number < kFieldLimit; ++number) {
    const char* name = FieldName(number);
    const auto field = static_cast<Field>(number);
    if (name != nullptr && evidence.Has(field)) object.Number(name, evidence.Get(field));
  }
  return object.Finish();
}

const char* PlatformName(int32_t platform) {
  static constexpr const char* kNames[] = {"unknown", "linux", "windows", "wine"};
  return platform >= 0 && platform <= 3 ? kNames[platform] : "unknown";
}

std::string EndSessionJson(const EndView& end) {
  return JsonObject()
      .Text("session_id", Hex(end.session_id))
      .Text("app_version", end.app_version)
      .Text("platform", PlatformName(end.record.platform))
      .Text("end", CauseName(end.record.session_end))
      .Text("endpoint", end.endpoint)
      .Bool("open", end.record.open)
      .Number("ended_unix_s", end.ended_unix_s)
      .Finish();
}

std::string ConnectionJson(const ConnectionView& view, const std::string& token_hash) {
  const JoinedVerdict& joined = view.joined.verdict;
  const Evidence* client = view.client ? &view.client->record.evidence : nullptr;
  const Evidence* server = view.server ? &view.server->record.evidence : nullptr;
  return JsonObject()
      .Text("token_hash", Hex(token_hash))
      .Text("cause", CauseName(joined.verdict.cause))
      .Text("side", CauseSide(joined.verdict.cause))
      .Text("confidence", ConfidenceName(joined.verdict.confidence))
      .Text("outcome", OutcomeName(joined.outcome))
      .Text("rule", joined.verdict.rule)
      .Text("reason", ExplainJoined(joined.verdict, client, server))
      .Text("server_error", view.joined.server_error)
      .Bool("duplicate_token", view.duplicate_token)
      .Bool("pending", view.pending)
      .Raw("client", client != nullptr ? EvidenceJson(*client) : "null")
      .Raw("server", server != nullptr ? EvidenceJson(*server) : "null")
      .Raw("client_session", view.client ? EndSessionJson(*view.client) : "null")
      .Raw("server_session", view.server ? EndSessionJson(*view.server) : "null")
      .Finish();
}

std::string SessionJson(const SessionView& view) {
  char offset[24];
  std::snprintf(offset, sizeof offset, "0x%llx", static_cast<unsigned long long>(view.info.crash_offset));
  return JsonObject()
      .Text("session_id", Hex(view.session_id))
      .Text("app_id", view.info.app_id)
      .Text("app_version", view.info.app_version)
      .Text("role", view.role == Role::kServer ? "server" : "client")
      .Text("platform", PlatformName(view.info.platform))
      .Text("end", CauseName(view.info.end))
      .Text("end_confidence", ConfidenceName(static_cast<Confidence>(view.info.end_confidence)))
      .Number("code", int64_t{view.info.crash_code})
      .Text("module", view.info.crash_module)
      .Text("offset", offset)
      .Text("report_id", view.info.crash_report_id)
      .Number("uptime_ms", view.info.uptime_ms)
      .Number("ended_unix_ms", view.ended_unix_ms)
      .Number("connections", view.info.connections_opened)
      .Number("losses", view.info.losses)
      .Finish();
}

HttpResponse JsonResponse(const std::string& json) {
  HttpResponse response;
  response.body = json + "\n";
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

HttpResponse AdminApi::Answer(const HttpRequest& request) const {
  try {
    return Route(request);
  } catch (const BadRequest& error) {
    return ErrorResponse(400, error.what());
  } catch (const StoreError& error) {
    LogWarning("query", error.what());
    return ErrorResponse(503, "the store cannot be read");
  }
}

HttpResponse AdminApi::Route(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = ErrorResponse(405, "use GET");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  if (request.path == "/v1/attribution") {
    return Attribute(ParseQuery(request.query, {"group_by", "app_id", "outcome", "from", "to"}));
  }
  if (request.path == "/v1/connections") return Connections(ParseQuery(request.query, {"app_id", "token"}));
  if (request.path == "/v1/sessions") return Sessions(ParseQuery(request.query, {"end", "app_id", "limit"}));
  if (request.path == "/v1/findings") return Findings(ParseQuery(request.query, {"app_id", "from", "to"}));
  if (request.path == "/healthz") return JsonResponse("{\"status\":\"ok\"}");
  if (request.path == "/metrics") {
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_->PrometheusText();
    return response;
  }
  if (const PageFile* file = FindPageFile(request.path)) {
    HttpResponse response;
    response.content_type = file->content_type;
    response.body = file->content;
    response.headers.emplace_back("Content-Security-Policy", kPagePolicy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    return response;
  }
  return ErrorResponse(404, "no such page");
}

HttpResponse AdminApi::Attribute(const Parameters& parameters) const {
  AttributionQuery query;
  query.group_by = GetGroupBy(parameters);
  query.app_id = GetAppId(parameters);
  query.outcome = GetOutcome(parameters);
  query.from = GetNumber(parameters, "from");
  query.to = GetNumber(parameters, "to");
  const Attribution found = store_->QueryAttribution(query);
  JsonArray groups;
  for (const AttributionGroup& group : found.groups) {
    JsonObject object;
    for (size_t i = 0; i < query.group_by.size(); ++i) object.Text(query.group_by[i], group.values[i]);
    object.Number("connections", group.connections).Raw("share", Share(group.connections, found.connections));
    groups.Add(object.Finish());
  }
  return JsonResponse(JsonObject()
                          .Raw("from", NumberOrNull(query.from))
                          .Raw("to", NumberOrNull(query.to))
                          .Number("connections", found.connections)
                          .Number("reported", found.reported)
                          .Number("unjoined_server_records", found.unjoined_server_records)
                          .Number("pending", found.pending)
                          .Raw("groups", groups.Finish())
                          .Finish());
}

HttpResponse AdminApi::Connections(const Parameters& parameters) const {
  const std::string app_id = GetAppId(parameters);
  const std::string token = Get(parameters, "token");
  if (app_id.empty()) throw BadRequest("app_id: is needed");
  if (token.empty() || token.size() > kMaxTokenBytes) throw BadRequest("token: 1-64 bytes are needed");
  const auto hash = HashToken(app_id.data(), app_id.size(), token.data(), token.size());
  const std::string token_hash(reinterpret_cast<const char*>(hash.data()), hash.size());
  JsonArray connections;
  for (const ConnectionView& view : store_->FindConnections(app_id, token_hash)) {
    connections.Add(ConnectionJson(view, token_hash));
  }
  return JsonResponse(JsonObject().Raw("connections", connections.Finish()).Finish());
}

HttpResponse AdminApi::Sessions(const Parameters& parameters) const {
  constexpr int64_t kDefaultLimit = 100;
  constexpr int64_t kMaxLimit = 1000;
  std::optional<int32_t> end;
  const std::string end_name = Get(parameters, "end");
  if (!end_name.empty()) {
    Cause cause = 0;
    if (!CauseFromName(end_name.c_str(), &cause)) throw BadRequest("end: '" + end_name + "' is no cause");
    end = cause;
  }
  const int64_t limit = GetNumber(parameters, "limit").value_or(kDefaultLimit);
  if (limit < 1 || limit > kMaxLimit) throw BadRequest("limit: must be 1-1000");
  JsonArray sessions;
  for (const SessionView& view : store_->FindSessions(end, GetAppId(parameters), static_cast<uint32_t>(limit))) {
    sessions.Add(SessionJson(view));
  }
  return JsonResponse(JsonObject().Raw("sessions", sessions.Finish()).Finish());
}

HttpResponse AdminApi::Findings(const Parameters& parameters) const {
  ConnectionFilter query;
  query.app_id = GetAppId(parameters);
  query.from = GetNumber(parameters, "from");
  query.to = GetNumber(parameters, "to");
  JsonArray findings;
  for (const Finding& finding : store_->QueryFindings(query)) {
    JsonArray who;
    for (const Finding::Who& one : finding.who) {
      who.Add(JsonObject().Text(finding.who_is, one.label).Number("count", one.count).Finish());
    }
    findings.Add(JsonObject()
                     .Text("id", finding.text->id)
                     .Text("title", finding.text->title)
                     .Number("count", finding.count)
                     .Raw("share_of_drops", Share(finding.dropped, finding.drops))
                     .Raw("who", who.Finish())
                     .Text("advice", finding.text->advice)
                     .Finish());
  }
  return JsonResponse(JsonObject().Raw("findings", findings.Finish()).Finish());
}

}  // namespace whydrop::collector
