#include "samples/collector/store/clickhouse/answers/filters.h"

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr int64_t kHourS = 3600;
constexpr int64_t kLastS = 65535 * kDayS;

int64_t Clamp(int64_t unix_s) { return unix_s < 0 ? 0 : (unix_s > kLastS ? kLastS : unix_s); }
std::string Number(int64_t number) { return std::to_string(number); }

// Beside the moment its day, which names the partitions.
std::string Time(std::optional<int64_t> from, std::optional<int64_t> to, const char* column) {
  std::string sql;
  if (from) {
    const int64_t at = Clamp(*from);
    sql += std::string(" AND ") + column + " >= " + Number(at) + " AND day >= toDate(" + Number(at / kDayS) + ")";
  }
  if (to) {
    const int64_t at = Clamp(*to);
    sql += std::string(" AND ") + column + " < " + Number(at) + " AND day <= toDate(" + Number(at / kDayS) + ")";
  }
  return sql;
}

constexpr const char* kCountedColumns =
    "app_id, toUInt32(at_s - at_s % 3600) AS hour, kind, cause, outcome, app_version, endpoint, network, platform, "
    "server_error, findings, decided_s, connections";
constexpr const char* kHourColumns =
    "app_id, hour, kind, cause, outcome, app_version, endpoint, network, platform, server_error, findings, decided_s, "
    "connections";

std::string Verdicts(const Settings& settings, std::optional<int64_t> from, std::optional<int64_t> to,
                     const std::string& conditions, const std::string& columns) {
  return "SELECT " + columns + " FROM " + Everywhere(settings, "verdicts") + " FINAL WHERE connections > 0" +
         Time(from, to, "at_s") + conditions;
}

std::string Hours(const Settings& settings, std::optional<int64_t> from, std::optional<int64_t> to,
                  const std::string& conditions, bool fine) {
  // The newest counts of each day, as the same node knows them.
  return std::string("SELECT ") + kHourColumns + " FROM " + Everywhere(settings, "hours") +
         " WHERE fine = " + (fine ? "1" : "0") + " AND (day, generation) IN (SELECT day, max(generation) FROM " +
         Local(settings, "hours") + " WHERE fine = 0 GROUP BY day)" + Time(from, to, "hour") + conditions;
}

}  // namespace

std::string TagColumn(const std::string& key) {
  // An index of 0, for none, names no element, and that is ''.
  return "tag_values[indexOf(tag_keys, " + Quote(key) + ")]";
}

std::string SessionConditions(const SessionFilter& filter) {
  std::string sql;
  if (!filter.app_id.empty()) sql += " AND app_id = " + Quote(filter.app_id);
  if (!filter.app_version.empty()) sql += " AND app_version = " + Quote(filter.app_version);
  if (filter.platform) {
    // A platform that a later sender names is shown as unknown, so it is also found as that.
    sql += *filter.platform == 0 ? " AND platform NOT IN (1, 2, 3)" : " AND platform = " + Number(*filter.platform);
  }
  for (const auto& [key, value] : filter.tags) {
    sql += " AND has(tag_keys, " + Quote(key) + ") AND " + TagColumn(key) + " = " + Quote(value);
  }
  return sql;
}

std::string ConnectionConditions(const ConnectionFilter& filter) {
  return SessionConditions(filter) + (filter.endpoint.empty() ? "" : " AND endpoint = " + Quote(filter.endpoint));
}

std::string VerdictsOf(const Settings& settings, const ConnectionFilter& filter, const std::string& columns) {
  return "(" + Verdicts(settings, filter.from, filter.to, ConnectionConditions(filter), columns) + ")";
}

std::string CountsOf(const Settings& settings, const ConnectionFilter& filter, const std::vector<std::string>& tags,
                     Grain grain) {
  const std::string conditions = ConnectionConditions(filter);
  if (!filter.tags.empty() || !tags.empty()) {
    std::string columns = kCountedColumns;
    for (size_t i = 0; i < tags.size(); ++i) columns += ", " + TagColumn(tags[i]) + " AS tag" + std::to_string(i);
    return VerdictsOf(settings, filter, columns);
  }
  std::optional<int64_t> from, to;
  if (filter.from) from = (Clamp(*filter.from) + kHourS - 1) / kHourS * kHourS;
  if (filter.to) to = Clamp(*filter.to) / kHourS * kHourS;
  if (from && to && *from >= *to) return VerdictsOf(settings, filter, kCountedColumns);
  std::string sql = Hours(settings, from, to, conditions, grain == Grain::kFine || !filter.endpoint.empty());
  const auto minutes = [&](std::optional<int64_t> begin, std::optional<int64_t> end) {
    sql += " UNION ALL " + Verdicts(settings, begin, end, conditions, kCountedColumns);
  };
  if (from && *from != Clamp(*filter.from)) minutes(filter.from, from);
  if (to && *to != Clamp(*filter.to)) minutes(to, filter.to);
  return "(" + sql + ")";
}

}  // namespace whydrop::collector::clickhouse
