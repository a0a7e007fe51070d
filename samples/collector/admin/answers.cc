#include "samples/collector/admin/answers.h"

#include <cstdio>
#include <map>
#include <set>

#include "samples/collector/json.h"

namespace whydrop::collector {
namespace {

constexpr const char* kPlatforms[] = {"unknown", "linux", "windows", "wine"};

std::string NumberOrNull(std::optional<int64_t> value) { return value ? std::to_string(*value) : "null"; }

std::string Share(uint64_t part, uint64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string HexNumber(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
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

std::string ConnectionJson(const ConnectionView& view) {
  const JoinedVerdict& joined = view.joined.verdict;
  const Evidence* client = view.client ? &view.client->record.evidence : nullptr;
  const Evidence* server = view.server ? &view.server->record.evidence : nullptr;
  return JsonObject()
      .Text("token_hash", Hex(view.token_hash))
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

std::string ConnectionRowJson(const ConnectionRow& row) {
  return JsonObject()
      .Text("app_id", row.app_id)
      .Number("ended_unix_s", row.at_s)
      .Text("token_hash", Hex(row.token_hash))
      .Text("session_id", Hex(row.session_id))
      .Number("connections", row.connections)
      .Text("cause", CauseName(row.cause))
      .Text("side", CauseSide(row.cause))
      .Text("confidence", ConfidenceName(row.confidence))
      .Text("outcome", OutcomeName(row.outcome))
      .Text("app_version", row.app_version)
      .Text("endpoint", row.endpoint)
      .Text("network", row.network)
      .Text("platform", PlatformName(row.platform))
      .Text("server_error", row.server_error)
      .Bool("reported", row.reported)
      .Bool("unjoined", row.unjoined)
      .Bool("pending", row.pending)
      .Finish();
}

std::string SessionJson(const SessionView& view) {
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
      .Text("offset", HexNumber(view.info.crash_offset))
      .Text("report_id", view.info.crash_report_id)
      .Number("uptime_ms", view.info.uptime_ms)
      .Number("ended_unix_ms", view.ended_unix_ms)
      .Number("connections", view.info.connections_opened)
      .Number("losses", view.info.losses)
      .Finish();
}

std::string CrashJson(const CrashGroup& group, uint64_t of_sessions) {
  JsonArray versions, reports;
  for (const CrashGroup::Version& version : group.versions) {
    versions.Add(JsonObject().Text("app_version", version.app_version).Number("sessions", version.sessions).Finish());
  }
  for (const CrashGroup::Report& report : group.reports) {
    reports.Add(JsonObject()
                    .Text("app_id", report.app_id)
                    .Text("report_id", report.report_id)
                    .Text("session_id", Hex(report.session_id))
                    .Number("ended_unix_s", report.ended_s)
                    .Finish());
  }
  return JsonObject()
      .Text("module", group.module)
      .Text("offset", HexNumber(group.offset))
      .Number("code", int64_t{group.code})
      .Text("platform", PlatformName(group.platform))
      .Number("sessions", group.sessions)
      .Raw("share", Share(group.sessions, of_sessions))
      .Number("first_unix_s", group.first_s)
      .Number("last_unix_s", group.last_s)
      .Raw("versions", versions.Finish())
      .Raw("reports", reports.Finish())
      .Finish();
}

}  // namespace

const char* PlatformName(int32_t platform) {
  return platform >= 0 && platform <= 3 ? kPlatforms[platform] : kPlatforms[0];
}

std::optional<int32_t> PlatformFromName(const std::string& name) {
  for (int32_t platform = 0; platform <= 3; ++platform) {
    if (name == kPlatforms[platform]) return platform;
  }
  return std::nullopt;
}

std::string AttributionJson(const AttributionQuery& query, const Attribution& found) {
  JsonArray groups;
  uint64_t left_out = found.connections;
  for (const AttributionGroup& group : found.groups) {
    left_out -= group.connections;
    JsonObject object;
    for (size_t i = 0; i < query.group_by.size(); ++i) object.Text(query.group_by[i], group.values[i]);
    object.Number("connections", group.connections).Raw("share", Share(group.connections, found.connections));
    groups.Add(object.Finish());
  }
  return JsonObject()
      .Raw("from", NumberOrNull(query.from))
      .Raw("to", NumberOrNull(query.to))
      .Number("connections", found.connections)
      .Number("reported", found.reported)
      .Number("unjoined_server_records", found.unjoined_server_records)
      .Number("pending", found.pending)
      .Number("left_out", left_out)
      .Raw("groups", groups.Finish())
      .Finish();
}

std::string ConnectionsJson(const std::vector<ConnectionView>& views) {
  JsonArray connections;
  for (const ConnectionView& view : views) connections.Add(ConnectionJson(view));
  return JsonObject().Raw("connections", connections.Finish()).Finish();
}

std::string ConnectionRowsJson(const std::vector<ConnectionRow>& rows) {
  JsonArray connections;
  for (const ConnectionRow& row : rows) connections.Add(ConnectionRowJson(row));
  return JsonObject().Raw("connections", connections.Finish()).Finish();
}

std::string FreshnessJson(const StoreHealth& health) {
  return JsonObject()
      .Bool("ready", health.ready)
      .Text("why_not", health.why_not)
      .Number("complete_until_unix_s", health.complete_until_s)
      .Raw("newest_report_unix_s", health.newest_report_s == 0 ? "null" : std::to_string(health.newest_report_s))
      .Finish();
}

std::string SessionsJson(const std::vector<SessionView>& views) {
  JsonArray sessions;
  for (const SessionView& view : views) sessions.Add(SessionJson(view));
  return JsonObject().Raw("sessions", sessions.Finish()).Finish();
}

std::string FindingsJson(const std::vector<Finding>& all) {
  JsonArray findings;
  for (const Finding& finding : all) {
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
  return JsonObject().Raw("findings", findings.Finish()).Finish();
}

std::string SessionEndsJson(const SessionFilter& filter, const std::vector<SessionEndGroup>& groups) {
  uint64_t sessions = 0;
  for (const SessionEndGroup& group : groups) sessions += group.sessions;
  JsonArray all;
  for (const SessionEndGroup& group : groups) {
    all.Add(JsonObject()
                .Text("app_version", group.app_version)
                .Text("end", CauseName(group.end))
                .Text("side", CauseSide(group.end))
                .Number("sessions", group.sessions)
                .Raw("share", Share(group.sessions, sessions))
                .Finish());
  }
  return JsonObject()
      .Raw("from", NumberOrNull(filter.from))
      .Raw("to", NumberOrNull(filter.to))
      .Number("sessions", sessions)
      .Raw("groups", all.Finish())
      .Finish();
}

std::string CrashesJson(const SessionFilter& filter, const Crashes& crashes) {
  JsonArray groups;
  for (const CrashGroup& group : crashes.groups) groups.Add(CrashJson(group, crashes.sessions));
  return JsonObject()
      .Raw("from", NumberOrNull(filter.from))
      .Raw("to", NumberOrNull(filter.to))
      .Number("sessions", crashes.sessions)
      .Number("places", crashes.places)
      .Raw("groups", groups.Finish())
      .Finish();
}

// Of all asked apps together: {"apps":[..],"app_version":[..],"endpoint":[..],"network":[..],"tags":{"gpu":[..]}}.
std::string LabelsJson(const std::vector<std::string>& apps, const std::vector<Label>& labels) {
  std::map<std::string, std::set<std::string>> values = {{"app_version", {}}, {"endpoint", {}}, {"network", {}}};
  for (const Label& label : labels) values[label.dimension].insert(label.value);
  JsonArray app_names;
  for (const std::string& app : apps) app_names.Add(JsonString(app));
  JsonObject object, tags;
  object.Raw("apps", app_names.Finish());
  for (const auto& [dimension, all] : values) {
    JsonArray array;
    for (const std::string& value : all) array.Add(JsonString(value));
    const bool tag = dimension.compare(0, 4, "tag:") == 0;
    (tag ? tags : object).Raw(tag ? dimension.substr(4) : dimension, array.Finish());
  }
  return object.Raw("tags", tags.Finish()).Finish();
}

}  // namespace whydrop::collector
