#include "samples/collector/store/sqlite/connections.h"

#include <set>

#include "samples/collector/store/sqlite/filters.h"
#include "samples/collector/store/sqlite/schema.h"

namespace whydrop::collector {
namespace {

std::string RowsSql(const ConnectionQuery& query, const std::string& prefix) {
  std::string sql =
      "SELECT c.app_id, c.at_s, r.token_hash, s.session_id, c.kind, c.decided_s, c.count, c.cause, c.confidence, "
      "c.outcome, c.app_version, c.endpoint, c.network, c.platform, c.server_error, c.findings FROM connections c "
      "LEFT JOIN records r ON r.id = c.record LEFT JOIN sessions s ON s.id = coalesce(r.session, c.session) WHERE 1" +
      ConnectionConditions(query, prefix);
  // A cause has an index of its own, which ends in the time.
  if (query.cause) sql += " AND c.cause = " + std::to_string(*query.cause);
  if (query.outcome) sql += " AND " + prefix + "outcome = " + std::to_string(static_cast<int32_t>(*query.outcome));
  return sql;
}

ConnectionRow RowAt(const Statement& at, int64_t now_s) {
  ConnectionRow row;
  row.app_id = at.TextAt(0);
  row.at_s = at.IntAt(1);
  row.token_hash = at.TextAt(2);
  row.session_id = at.TextAt(3);
  const auto kind = static_cast<RowKind>(at.IntAt(4));
  row.reported = kind == RowKind::kReported;
  row.unjoined = kind == RowKind::kUnjoinedServer;
  row.pending = at.IntAt(5) > now_s;
  row.connections = static_cast<uint64_t>(at.IntAt(6));
  row.cause = static_cast<Cause>(at.IntAt(7));
  row.confidence = static_cast<Confidence>(at.IntAt(8));
  row.outcome = static_cast<Outcome>(at.IntAt(9));
  row.app_version = at.TextAt(10);
  row.endpoint = at.TextAt(11);
  row.network = at.TextAt(12);
  row.platform = static_cast<int32_t>(at.IntAt(13));
  row.server_error = at.TextAt(14);
  row.findings = static_cast<uint32_t>(at.IntAt(15));
  return row;
}

}  // namespace

std::vector<ConnectionView> ReadConnections(const Database& db, const std::string& app_id,
                                            const std::string& token_hash, const JoinTime& time) {
  return ViewsOfToken(token_hash, EndReader(db).ByToken(app_id, token_hash), time);
}

std::vector<ConnectionView> ReadConnectionsOfSession(const Database& db, const std::string& app_id,
                                                     const std::string& session_id, uint32_t limit,
                                                     const JoinTime& time) {
  const ReadTransaction snapshot(db);
  EndReader reader(db);
  Statement records(db,
                    "SELECT r.id, r.token_hash FROM records r JOIN sessions s ON s.id = r.session WHERE s.app_id = ? "
                    "AND s.session_id = ? ORDER BY r.at_s DESC, r.number DESC LIMIT ?");
  records.Text(app_id).Blob(session_id).Int(limit);
  std::set<std::string> seen;
  std::vector<ConnectionView> views;
  while (records.Step()) {
    const std::string token_hash = records.TextAt(1);
    if (!token_hash.empty()) {
      if (!seen.insert(token_hash).second) continue;
      for (ConnectionView& view : ViewsOfToken(token_hash, reader.ByToken(app_id, token_hash), time, session_id)) {
        views.push_back(std::move(view));
      }
      continue;
    }
    for (const StoredEnd& end : reader.ById(records.IntAt(0))) views.push_back(ViewOfOne(end, time));
  }
  return views;
}

std::vector<ConnectionRow> ReadRecentConnections(const Database& db, const ConnectionQuery& query, uint32_t limit,
                                                 int64_t now_s) {
  // The pluses leave only the indexes by time, whose order is the answer's: it ends with the limit.
  Statement rows(db, RowsSql(query, "+c.") + " ORDER BY c.at_s DESC LIMIT ?");
  BindConnectionFilter(query, &rows);
  rows.Int(limit);
  std::vector<ConnectionRow> recent;
  while (rows.Step()) recent.push_back(RowAt(rows, now_s));
  return recent;
}

void VisitConnectionRows(const Database& db, const ConnectionQuery& query, int64_t now_s,
                         const std::function<bool(const ConnectionRow&)>& visit) {
  Statement rows(db, RowsSql(query, query.from || query.to ? "c." : "+c."));
  BindConnectionFilter(query, &rows);
  while (rows.Step() && visit(RowAt(rows, now_s))) {
  }
}

}  // namespace whydrop::collector
