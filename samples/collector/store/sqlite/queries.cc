#include "samples/collector/store/sqlite/queries.h"

#include <algorithm>

#include "samples/collector/store/sqlite/filters.h"

namespace whydrop::collector {
namespace {

constexpr size_t kMaxGroups = 10000;
const std::string kTagPrefix = "tag:";

bool IsTag(const std::string& dimension) { return dimension.compare(0, kTagPrefix.size(), kTagPrefix) == 0; }

// Dimensions arrive checked; the values of a tag are bound, so that nothing of the asker's gets into the SQL.
std::string Column(const std::string& dimension, size_t index) {
  if (dimension == "side") return "c.cause / 100";
  if (dimension == "day") return "date(c.at_s, 'unixepoch')";
  if (dimension == "hour") return "strftime('%Y-%m-%dT%H:00Z', c.at_s, 'unixepoch')";
  if (IsTag(dimension)) return "coalesce(t" + std::to_string(index) + ".value, '')";
  return "c." + dimension;
}

std::string PlatformName(int64_t platform) {
  static constexpr const char* kNames[] = {"unknown", "linux", "windows", "wine"};
  return platform >= 0 && platform <= 3 ? kNames[platform] : "unknown";
}

// A cause's side is its hundreds digit, so any known cause of that hundred names it.
std::string SideName(int64_t hundreds) {
  int count = 0;
  const Cause* causes = AllCauses(&count);
  for (int i = 0; i < count; ++i) {
    if (causes[i] / 100 == hundreds) return CauseSide(causes[i]);
  }
  return "unknown";
}

std::string ValueName(const std::string& dimension, const Statement& row, int column) {
  const int64_t number = row.IntAt(column);
  if (dimension == "cause") return CauseName(static_cast<Cause>(number));
  if (dimension == "side") return SideName(number);
  if (dimension == "outcome") return OutcomeName(static_cast<Outcome>(number));
  if (dimension == "platform") return PlatformName(number);
  return row.TextAt(column);
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
