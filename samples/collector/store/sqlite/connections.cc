#include "samples/collector/store/sqlite/connections.h"

#include <algorithm>
#include <functional>
#include <set>

#include "samples/collector/store/sqlite/counting.h"
#include "samples/collector/store/sqlite/filters.h"
#include "samples/collector/store/sqlite/rollups.h"
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

// The hours or days, as numbers since 1970, in which the counts know of such a connection.
std::set<int64_t, std::greater<>> BucketsWith(const Database& db, const ConnectionQuery& query,
                                              const std::string& dimension) {
  CountQuery counted;
  static_cast<ConnectionFilter&>(counted) = query;
  counted.outcome = query.outcome;
  counted.dimensions = {dimension, "cause"};
  std::set<int64_t, std::greater<>> buckets;
  for (const CountedGroup& group : CountGroups(db, counted)) {
    if (!query.cause || group.values[1].number == *query.cause) buckets.insert(group.values[0].number);
  }
  return buckets;
}

// Calls `visit` with the question for each hour, or day, that has something, the newest first, until it returns false.
// A day's counts know every filter, an hour's neither endpoint nor tags.
void VisitBuckets(const Database& db, const ConnectionQuery& query, const std::string& dimension, int64_t step_s,
                  const std::function<bool(const ConnectionQuery&)>& visit) {
  for (const int64_t bucket : BucketsWith(db, query, dimension)) {
    ConnectionQuery part = query;
    part.from = std::max(bucket * step_s, query.from.value_or(bucket * step_s));
    part.to = std::min((bucket + 1) * step_s, query.to.value_or((bucket + 1) * step_s));
    if (!visit(part)) return;
  }
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

// Few of many millions may match, and no index knows all filters: the counts say where those few are.
std::vector<ConnectionRow> ReadRecentConnections(const Database& db, const ConnectionQuery& query, uint32_t limit,
                                                 int64_t now_s) {
  const ReadTransaction snapshot(db);
  std::vector<ConnectionRow> recent;
  const auto read = [&](const ConnectionQuery& part) {
    // The pluses leave only the indexes by time, whose order is the answer's: it ends with the limit.
    Statement rows(db, RowsSql(part, "+c.") + " ORDER BY c.at_s DESC LIMIT ?");
    BindConnectionFilter(part, &rows);
    rows.Int(limit - static_cast<int64_t>(recent.size()));
    while (rows.Step()) recent.push_back(RowAt(rows, now_s));
    return recent.size() < limit;
  };
  const size_t facets = (query.endpoint.empty() ? 0 : 1) + query.tags.size();
  if (facets > 1) return read(query), recent;  // the counts know one at a time
  VisitBuckets(db, query, "day", kDayS, [&](const ConnectionQuery& day) {
    if (facets != 0) return read(day);
    VisitBuckets(db, day, "hour", kHourS, read);
    return recent.size() < limit;
  });
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
