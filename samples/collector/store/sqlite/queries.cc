#include "samples/collector/store/sqlite/queries.h"

#include <algorithm>

#include "samples/collector/store/groups.h"
#include "samples/collector/store/judgement.h"
#include "samples/collector/store/sqlite/counting.h"
#include "samples/collector/store/sqlite/filters.h"

namespace whydrop::collector {
namespace {

// Few connections wait, and an index of their own has them: the pluses leave no other.
uint64_t CountPending(const Database& db, const AttributionQuery& query, int64_t now_s) {
  ConnectionFilter untimed = query;
  untimed.from = untimed.to = std::nullopt;
  std::string sql = "SELECT sum(c.count) FROM connections c WHERE c.kind < 2 AND c.decided_s > 0 AND c.decided_s > " +
                    std::to_string(now_s) + ConnectionConditions(untimed, "+c.");
  if (query.from) sql += " AND +c.at_s >= " + std::to_string(*query.from);
  if (query.to) sql += " AND +c.at_s < " + std::to_string(*query.to);
  if (query.outcome) sql += " AND c.outcome = " + std::to_string(static_cast<int32_t>(*query.outcome));
  Statement pending(db, sql);
  BindConnectionFilter(untimed, &pending);
  pending.Step();
  return static_cast<uint64_t>(pending.IntAt(0));
}

}  // namespace

Attribution ReadAttribution(const Database& db, const AttributionQuery& query, int64_t now_s) {
  const ReadTransaction snapshot(db);
  CountQuery counted;
  static_cast<ConnectionFilter&>(counted) = query;
  counted.dimensions = query.group_by;
  counted.outcome = query.outcome;
  Attribution out;
  out.pending = CountPending(db, query, now_s);
  std::vector<std::pair<std::vector<GroupValue>, uint64_t>> groups;
  for (CountedGroup& group : CountGroups(db, counted)) {
    const auto count = static_cast<uint64_t>(group.count);
    if (group.kind == static_cast<int64_t>(RowKind::kUnjoinedServer)) {
      out.unjoined_server_records += count;
      continue;
    }
    out.connections += count;
    if (group.kind == static_cast<int64_t>(RowKind::kReported)) out.reported += count;
    // Groups stand in the order of their values, so those of different kinds with the same ones are neighbours.
    const bool same = !groups.empty() && !(groups.back().first < group.values) && !(group.values < groups.back().first);
    if (!same) groups.emplace_back(std::move(group.values), 0);
    groups.back().second += count;
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (groups.size() > kMaxGroups) groups.resize(kMaxGroups);
  for (const auto& [values, count] : groups) {
    AttributionGroup group;
    for (size_t i = 0; i < values.size(); ++i) group.values.push_back(NameOfValue(query.group_by[i], values[i]));
    group.connections = count;
    out.groups.push_back(std::move(group));
  }
  return out;
}

}  // namespace whydrop::collector
