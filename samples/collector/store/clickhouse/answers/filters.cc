#include "samples/collector/store/clickhouse/answers/filters.h"

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr int64_t kLastS = 65535 * kDayS;

std::string Number(int64_t number) { return std::to_string(number); }

}  // namespace

int64_t KnownTime(int64_t unix_s) { return unix_s < 0 ? 0 : (unix_s > kLastS ? kLastS : unix_s); }

std::string DayConditions(std::optional<int64_t> from, std::optional<int64_t> to) {
  std::string sql;
  if (from) sql += " AND day >= toDate(" + Number(KnownTime(*from) / kDayS) + ")";
  if (to) sql += " AND day <= toDate(" + Number(KnownTime(*to) / kDayS) + ")";
  return sql;
}

std::string TimeConditions(std::optional<int64_t> from, std::optional<int64_t> to, const std::string& column) {
  std::string sql = DayConditions(from, to);
  if (from) sql += " AND " + column + " >= " + Number(KnownTime(*from));
  if (to) sql += " AND " + column + " < " + Number(KnownTime(*to));
  return sql;
}

std::string TagColumn(const std::string& key) {
  // An index of 0, for none, names no element, and that is ''.
  return "tag_values[indexOf(tag_keys, " + Quote(key) + ")]";
}

std::string SenderConditions(const SessionFilter& filter) {
  std::string sql;
  if (!filter.app_id.empty()) sql += " AND app_id = " + Quote(filter.app_id);
  if (!filter.app_version.empty()) sql += " AND app_version = " + Quote(filter.app_version);
  if (filter.platform) {
    // A platform that a later sender names is shown as unknown, so it is also found as that.
    sql += *filter.platform == 0 ? " AND platform NOT IN (1, 2, 3)" : " AND platform = " + Number(*filter.platform);
  }
  return sql;
}

std::string SessionConditions(const SessionFilter& filter) {
  std::string sql = SenderConditions(filter);
  for (const auto& [key, value] : filter.tags) {
    sql += " AND has(tag_keys, " + Quote(key) + ") AND " + TagColumn(key) + " = " + Quote(value);
  }
  return sql;
}

std::string ConnectionConditions(const ConnectionFilter& filter) {
  return SessionConditions(filter) + (filter.endpoint.empty() ? "" : " AND endpoint = " + Quote(filter.endpoint));
}

std::string SelectVerdicts(const Settings& settings, const ConnectionFilter& filter, const std::string& columns,
                           Of of) {
  // What no verdict changes chooses before FINAL looks for the newest row: all rows of one connection go, or none.
  return "SELECT " + columns + " FROM " + Everywhere(settings, "verdicts") + " FINAL PREWHERE kind " +
         (of == Of::kSessions ? "= " : "< ") + Number(static_cast<int64_t>(RowKind::kClientSession)) +
         TimeConditions(filter.from, filter.to, "at_s") + ConnectionConditions(filter) + " WHERE connections > 0";
}

}  // namespace whydrop::collector::clickhouse
