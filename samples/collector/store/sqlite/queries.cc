#include "samples/collector/store/sqlite/queries.h"

#include <algorithm>

#include "samples/collector/store/groups.h"
#include "samples/collector/store/sqlite/filters.h"

namespace whydrop::collector {
namespace {

// Dimensions arrive checked; the values of a tag are bound, so that nothing of the asker's gets into the SQL.
std::string Column(const std::string& dimension, size_t index) {
  if (dimension == "side") return "c.cause / 100";
  if (dimension == "day") return "date(c.at_s, 'unixepoch')";
  if (dimension == "hour") return "strftime('%Y-%m-%dT%H:00Z', c.at_s, 'unixepoch')";
  if (IsTag(dimension)) return "coalesce(t" + std::to_string(index) + ".value, '')";
  return "c." + dimension;
}

std::string ValueName(const std::string& dimension, const Statement& row, int column) {
  const std::optional<std::string> name = NameOfNumber(dimension, row.IntAt(column));
  return name ? *name : row.TextAt(column);
}

// Without a time most rows are wanted: the plus keeps SQLite from fetching them one by one through the index by time.
std::string Where(const AttributionQuery& query) {
  const bool timed = query.from || query.to;
  return " WHERE 1" + ConnectionConditions(query, timed ? "c." : "+c.");
}

// Apart from the groups, whose index does not know it: few connections wait, and an index of their own has them.
uint64_t CountPending(const Database& db, const AttributionQuery& query, int64_t now_s) {
  std::string selected = " AND c.kind < 2 AND c.decided_s > ?";
  if (query.outcome) selected += " AND c.outcome = " + std::to_string(static_cast<int32_t>(*query.outcome));
  Statement pending(db, "SELECT sum(c.count) FROM connections c" + Where(query) + selected);
  BindConnectionFilter(query, &pending);
  pending.Int(now_s).Step();
  return static_cast<uint64_t>(pending.IntAt(0));
}

}  // namespace

// One statement and one pass, so totals and groups speak of the same moment while the writer goes on.
Attribution ReadAttribution(const Database& db, const AttributionQuery& query, int64_t now_s) {
  Attribution out;
  out.pending = CountPending(db, query, now_s);
  std::string columns, joins, by;
  const bool by_cause = std::count(query.group_by.begin(), query.group_by.end(), "cause") != 0;
  for (size_t i = 0; i < query.group_by.size(); ++i) {
    columns += Column(query.group_by[i], i) + ", ";
    // A cause has one side, so grouping by the cause is enough, and an index can serve it.
    if (query.group_by[i] != "side" || !by_cause) by += (by.empty() ? "" : ", ") + std::to_string(i + 1);
    if (IsTag(query.group_by[i])) {
      const std::string alias = "t" + std::to_string(i);
      joins += " LEFT JOIN session_tags " + alias + " ON " + alias + ".session = c.session AND " + alias + ".key = ?";
    }
  }
  // Server records without a token count apart, whatever their outcome.
  const std::string selected =
      query.outcome ? " AND (c.kind = 2 OR c.outcome = " + std::to_string(static_cast<int32_t>(*query.outcome)) + ")"
                    : "";
  Statement groups(db, "SELECT " + columns +
                           "coalesce(sum(c.count) FILTER (WHERE c.kind < 2), 0) AS counted, "
                           "sum(c.count) FILTER (WHERE c.kind = 0), sum(c.count) FILTER (WHERE c.kind = 2) "
                           "FROM connections c" +
                           joins + Where(query) + selected + " GROUP BY " + by + " ORDER BY counted DESC, " + by);
  for (const std::string& dimension : query.group_by) {
    if (IsTag(dimension)) groups.Text(dimension.substr(kTagPrefix.size()));
  }
  BindConnectionFilter(query, &groups);
  const int counted = static_cast<int>(query.group_by.size());
  while (groups.Step()) {
    const auto connections = static_cast<uint64_t>(groups.IntAt(counted));
    out.connections += connections;
    out.reported += static_cast<uint64_t>(groups.IntAt(counted + 1));
    out.unjoined_server_records += static_cast<uint64_t>(groups.IntAt(counted + 2));
    if (connections == 0 || out.groups.size() >= kMaxGroups) continue;
    AttributionGroup group;
    for (size_t i = 0; i < query.group_by.size(); ++i) {
      group.values.push_back(ValueName(query.group_by[i], groups, static_cast<int>(i)));
    }
    group.connections = connections;
    out.groups.push_back(std::move(group));
  }
  return out;
}

}  // namespace whydrop::collector
