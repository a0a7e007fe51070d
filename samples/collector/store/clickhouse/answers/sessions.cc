#include "samples/collector/store/clickhouse/answers/sessions.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "samples/collector/store/clickhouse/answers/count_sql.h"
#include "samples/collector/store/clickhouse/answers/filters.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/groups.h"

namespace whydrop::collector::clickhouse {
namespace {

// A session ended before its report arrived, and all its reports arrive within so many days.
constexpr int64_t kReportDays = 7;

// " AND ..." of the filter and its time, for rows of sessions.
std::string Conditions(const SessionFilter& filter) {
  std::string sql = SessionConditions(filter);
  if (filter.from) {
    const int64_t from = std::max<int64_t>(*filter.from, 0);
    sql += " AND ended_s >= " + std::to_string(from) + " AND day >= toDate(" +
           std::to_string(std::max<int64_t>(from / kDayS - kReportDays, 0)) + ")";
  }
  if (filter.to) sql += " AND ended_s < " + std::to_string(std::max<int64_t>(*filter.to, 0));
  return sql;
}

SessionView ReadSession(RowReader* row) {
  SessionView view;
  view.session_id = row->Fixed16();
  view.info.app_id = row->Text();
  view.info.app_version = row->Text();
  view.role = row->U8() == 0 ? Role::kClient : Role::kServer;
  view.info.platform = row->I32();
  view.info.end = row->I32();
  view.info.end_confidence = row->I32();
  view.info.crash_code = row->U32();
  view.info.crash_module = row->Text();
  view.info.crash_offset = row->U64();
  view.info.crash_report_id = row->Text();
  view.info.uptime_ms = row->U64();
  view.ended_unix_ms = int64_t{row->U32()} * 1000;
  view.info.connections_opened = row->U64();
  view.info.losses = row->U64();
  return view;
}

using CrashPlace = std::tuple<std::string, uint64_t, uint32_t, int32_t>;  // module, offset, code, platform

CrashPlace ReadPlace(RowReader* row) {
  std::string module = row->Text();
  const uint64_t offset = row->U64();
  const uint32_t code = row->U32();
  return {std::move(module), offset, code, row->I32()};
}

constexpr const char* kPlace = "module, crash_offset, code, platform";

// FROM the sessions that crashed. Most did not, so that FINAL would read a table for a few of its rows: of those that
// ever said so the row with the highest rank is looked for, which may say otherwise.
std::string FromCrashed(const Question& question, const SessionFilter& filter) {
  const Settings& settings = question.settings();
  const std::string crashed = "ended_as = " + std::to_string(WHYDROP_CAUSE_CLIENT_CRASH);
  return std::string(
             " FROM (SELECT app_id, session_id, day, ended_s, ended_as, app_version, report_id, tag_keys, "
             "tag_values, ") +
         kPlace + " FROM " + Everywhere(settings, "sessions") +
         " PREWHERE role = 0 AND ended_as != 0 AND session_id IN (SELECT session_id FROM " +
         Local(settings, "sessions") + " PREWHERE role = 0 AND " + crashed +
         ") ORDER BY rank DESC LIMIT 1 BY app_id, session_id) WHERE " + crashed + Conditions(filter);
}

// Every place with its versions, in the order of their first crash there.
std::map<CrashPlace, CrashGroup> ReadPlaces(const Question& question, const SessionFilter& filter) {
  std::map<CrashPlace, CrashGroup> places;
  const std::string answer =
      question.Ask(std::string("SELECT ") + kPlace + ", app_version, count(), min(ended_s) AS first, max(ended_s)" +
                   FromCrashed(question, filter) + " GROUP BY " + kPlace +
                   ", app_version ORDER BY first, app_version FORMAT RowBinary");
  RowReader row(answer);
  while (row.More()) {
    const CrashPlace place = ReadPlace(&row);
    CrashGroup& group = places[place];
    std::string version = row.Text();
    const uint64_t sessions = row.U64();
    const int64_t first_s = row.U32();
    if (group.sessions == 0) {
      std::tie(group.module, group.offset, group.code, group.platform) = place;
      group.first_s = first_s;
    }
    group.sessions += sessions;
    group.last_s = std::max<int64_t>(group.last_s, row.U32());
    group.versions.push_back({std::move(version), sessions});
  }
  return places;
}

void ReadReports(const Question& question, const SessionFilter& filter, std::map<CrashPlace, CrashGroup>* places) {
  const std::string answer =
      question.Ask(std::string("SELECT ") + kPlace + ", app_id, report_id, session_id, ended_s" +
                   FromCrashed(question, filter) + " AND report_id != '' ORDER BY ended_s DESC LIMIT " +
                   std::to_string(kReportsPerCrash) + " BY " + kPlace + " FORMAT RowBinary");
  RowReader row(answer);
  while (row.More()) {
    const CrashPlace place = ReadPlace(&row);
    CrashGroup::Report report;
    report.app_id = row.Text();
    report.report_id = row.Text();
    report.session_id = row.Fixed16();
    report.ended_s = row.U32();
    // One that was counted a moment later than the places has none of them yet.
    if (const auto known = places->find(place); known != places->end())
      known->second.reports.push_back(std::move(report));
  }
}

}  // namespace

std::vector<SessionView> ReadSessions(const Question& question, std::optional<int32_t> end, const std::string& app_id,
                                      uint32_t limit) {
  SessionFilter filter;
  filter.app_id = app_id;
  const std::string ended_as = end ? " AND ended_as = " + std::to_string(*end) : "";
  const std::string answer = question.Ask(
      "SELECT session_id, app_id, app_version, role, platform, ended_as, end_confidence, code, module, crash_offset, "
      "report_id, uptime_ms, ended_s, connections_opened, losses"
      " FROM " +
      Everywhere(question.settings(), "sessions") + " FINAL WHERE 1" + ended_as + Conditions(filter) +
      " ORDER BY ended_s DESC, received_s DESC, session_id LIMIT " + std::to_string(limit) + " FORMAT RowBinary");
  return ReadRows(answer, ReadSession);
}

std::vector<SessionEndGroup> ReadSessionEnds(const Question& question, const SessionFilter& filter) {
  CountQuery query;
  static_cast<SessionFilter&>(query) = filter;
  query.of = CountedKind::kClientSessions;
  const std::string answer = question.Ask(
      "SELECT app_version, cause, toUInt64(sum(counted)) AS sessions FROM " + CountsFor(question, query) +
      " GROUP BY app_version, cause HAVING sessions > 0 ORDER BY sessions DESC, app_version, cause FORMAT RowBinary");
  return ReadRows(answer, [](RowReader* row) {
    SessionEndGroup group;
    group.app_version = row->Text();
    group.end = row->I32();
    group.sessions = row->U64();
    return group;
  });
}

Crashes ReadCrashes(const Question& question, const SessionFilter& filter, uint32_t limit) {
  std::map<CrashPlace, CrashGroup> places = ReadPlaces(question, filter);
  ReadReports(question, filter, &places);
  std::vector<CrashGroup> groups;
  for (auto& [place, group] : places) groups.push_back(std::move(group));
  return CrashesOf(std::move(groups), limit);
}

std::vector<Label> ReadAllLabels(const Question& question, const std::string& app_id) {
  const std::string answer = question.Ask(
      "SELECT DISTINCT app_id, dimension, value FROM " + Everywhere(question.settings(), "labels") + " WHERE 1" +
      (app_id.empty() ? "" : " AND app_id = " + Quote(app_id)) + " ORDER BY app_id, dimension, value FORMAT RowBinary");
  return ReadRows(answer, [](RowReader* row) {
    Label label;
    label.app_id = row->Text();
    label.dimension = row->Text();
    label.value = row->Text();
    return label;
  });
}

bool ReadHasSession(const Question& question, const std::string& app_id, const std::string& session_id) {
  // The roles let the key of the table find it.
  const std::string answer = question.Ask(
      "SELECT count() FROM " + Everywhere(question.settings(), "sessions") + " WHERE app_id = " + Quote(app_id) +
      " AND role IN (0, 1) AND session_id = " + Quote(session_id) + " FORMAT RowBinary");
  return RowReader(answer).U64() != 0;
}

int64_t ReadNewestReport(const Question& question) {
  const std::string answer =
      question.Ask("SELECT max(received_s) FROM " + Everywhere(question.settings(), "sessions") + " FORMAT RowBinary");
  return RowReader(answer).U32();
}

}  // namespace whydrop::collector::clickhouse
