#include "samples/collector/store/sqlite/sessions.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "samples/collector/store/groups.h"
#include "samples/collector/store/sender_limits.h"
#include "samples/collector/store/sqlite/counting.h"
#include "samples/collector/store/sqlite/filters.h"

namespace whydrop::collector {
namespace {

SessionView ReadSession(const Statement& row) {
  SessionView view;
  view.session_id = row.TextAt(0);
  view.info.app_id = row.TextAt(1);
  view.info.app_version = row.TextAt(2);
  view.role = row.IntAt(3) == 0 ? Role::kClient : Role::kServer;
  view.info.platform = static_cast<int32_t>(row.IntAt(4));
  view.info.end = static_cast<int32_t>(row.IntAt(5));
  view.info.end_confidence = static_cast<int32_t>(row.IntAt(6));
  view.info.crash_code = static_cast<uint32_t>(row.IntAt(7));
  view.info.crash_module = row.TextAt(8);
  view.info.crash_offset = static_cast<uint64_t>(row.IntAt(9));
  view.info.crash_report_id = row.TextAt(10);
  view.info.uptime_ms = static_cast<uint64_t>(row.IntAt(11));
  view.ended_unix_ms = row.IntAt(12) * 1000;
  view.info.connections_opened = static_cast<uint64_t>(row.IntAt(13));
  view.info.losses = static_cast<uint64_t>(row.IntAt(14));
  return view;
}

using CrashPlace = std::tuple<std::string, int64_t, int64_t, int64_t>;  // module, offset, code, platform

// The index has these sessions alone, by place, with all that is asked for here.
std::string CrashWhere(const SessionFilter& filter) {
  return " FROM sessions INDEXED BY sessions_crashed WHERE end = " + std::to_string(WHYDROP_CAUSE_CLIENT_CRASH) +
         " AND role = 0" + SessionConditions(filter);
}

// Every place with its versions, in the order of their first crash there.
std::map<CrashPlace, CrashGroup> ReadPlaces(const Database& db, const SessionFilter& filter) {
  std::map<CrashPlace, CrashGroup> places;
  Statement rows(db, "SELECT module, offset, code, platform, app_version, count(*), min(ended_s), max(ended_s)" +
                         CrashWhere(filter) + " GROUP BY 1, 2, 3, 4, 5 ORDER BY 7, 5");
  BindSessionFilter(filter, &rows);
  while (rows.Step()) {
    CrashGroup& group = places[{rows.TextAt(0), rows.IntAt(1), rows.IntAt(2), rows.IntAt(3)}];
    const auto sessions = static_cast<uint64_t>(rows.IntAt(5));
    if (group.sessions == 0) {
      group.module = rows.TextAt(0);
      group.offset = static_cast<uint64_t>(rows.IntAt(1));
      group.code = static_cast<uint32_t>(rows.IntAt(2));
      group.platform = static_cast<int32_t>(rows.IntAt(3));
      group.first_s = rows.IntAt(6);
    }
    group.sessions += sessions;
    group.last_s = std::max(group.last_s, rows.IntAt(7));
    group.versions.push_back({rows.TextAt(4), sessions});
  }
  return places;
}

void ReadReports(const Database& db, const SessionFilter& filter, std::vector<CrashGroup>* groups) {
  Statement rows(db, "SELECT app_id, report_id, session_id, ended_s" + CrashWhere(filter) +
                         " AND report_id <> '' AND module = ? AND offset = ? AND code = ? AND platform = ? "
                         "ORDER BY ended_s DESC, id DESC LIMIT " +
                         std::to_string(kReportsPerCrash));
  for (CrashGroup& group : *groups) {
    const ScopedReset reset(&rows);
    BindSessionFilter(filter, &rows);
    rows.Text(group.module).Int(static_cast<int64_t>(group.offset)).Int(group.code).Int(group.platform);
    while (rows.Step()) group.reports.push_back({rows.TextAt(0), rows.TextAt(1), rows.TextAt(2), rows.IntAt(3)});
  }
}

}  // namespace

std::vector<SessionView> ReadSessions(const Database& db, std::optional<int32_t> end, const std::string& app_id,
                                      uint32_t limit) {
  std::string sql =
      "SELECT session_id, app_id, app_version, role, platform, end, end_confidence, code, module, offset, report_id, "
      "uptime_ms, ended_s, connections_opened, losses FROM sessions WHERE 1";
  if (end) sql += " AND end = ?";
  if (!app_id.empty()) sql += " AND app_id = ?";
  Statement rows(db, sql + " ORDER BY ended_s DESC, id DESC LIMIT ?");
  if (end) rows.Int(*end);
  if (!app_id.empty()) rows.Text(app_id);
  rows.Int(limit);
  std::vector<SessionView> views;
  while (rows.Step()) views.push_back(ReadSession(rows));
  return views;
}

std::vector<SessionEndGroup> ReadSessionEnds(const Database& db, const SessionFilter& filter) {
  const ReadTransaction snapshot(db);
  CountQuery query;
  static_cast<SessionFilter&>(query) = filter;
  query.of = CountedKind::kClientSessions;
  query.dimensions = {"app_version", "cause"};
  std::vector<SessionEndGroup> groups;
  for (const CountedGroup& group : CountGroups(db, query)) {
    groups.push_back(
        {group.values[0].text, static_cast<int32_t>(group.values[1].number), static_cast<uint64_t>(group.count)});
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const SessionEndGroup& a, const SessionEndGroup& b) { return a.sessions > b.sessions; });
  return groups;
}

Crashes ReadCrashes(const Database& db, const SessionFilter& filter, uint32_t limit) {
  const ReadTransaction snapshot(db);
  std::map<CrashPlace, CrashGroup> places = ReadPlaces(db, filter);
  std::vector<CrashGroup> groups;
  for (auto& [place, group] : places) groups.push_back(std::move(group));
  Crashes crashes = CrashesOf(std::move(groups), limit);
  ReadReports(db, filter, &crashes.groups);
  return crashes;
}

bool ReadHasSession(const Database& db, const std::string& app_id, const std::string& session_id) {
  Statement found(db, "SELECT 1 FROM batches WHERE app_id = ? AND session_id = ? LIMIT 1");
  return found.Text(app_id).Blob(session_id).Step();
}

int64_t ReadNewestReport(const Database& db) {
  Statement newest(db, "SELECT max(received_s) FROM batches");
  return newest.Step() ? newest.IntAt(0) : 0;
}

std::vector<std::string> ReadApps(const Database& db) {
  Statement rows(db, "SELECT value FROM labels WHERE app_id = '' AND dimension = 'app' ORDER BY 1");
  std::vector<std::string> apps;
  while (rows.Step()) apps.push_back(rows.TextAt(0));
  return apps;
}

std::vector<Label> ReadLabels(const Database& db, const std::string& app_id) {
  std::string sql = "SELECT app_id, dimension, value FROM labels WHERE value <> ''";
  if (!app_id.empty()) sql += " AND app_id = ?";
  Statement rows(db, sql + " ORDER BY 1, 2, 3");
  if (!app_id.empty()) rows.Text(app_id);
  std::vector<Label> labels;
  while (rows.Step()) {
    Label label{rows.TextAt(0), rows.TextAt(1), rows.TextAt(2)};
    if (IsToChooseFrom(label)) labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace whydrop::collector
