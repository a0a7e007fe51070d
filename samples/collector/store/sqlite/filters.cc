#include "samples/collector/store/sqlite/filters.h"

namespace whydrop::collector {
namespace {

// The time's name differs between the tables, and its column may choose an index whatever the others may.
std::string Conditions(const SessionFilter& filter, const std::string& prefix, const std::string& time) {
  std::string sql;
  if (!filter.app_id.empty()) sql += " AND " + prefix + "app_id = ?";
  if (!filter.app_version.empty()) sql += " AND " + prefix + "app_version = ?";
  if (filter.platform) {
    // A platform that a later sender names is shown as unknown, so it is also found as that.
    sql += " AND " + prefix + (*filter.platform == 0 ? "platform NOT IN (1, 2, 3)" : "platform = ?");
  }
  for (size_t i = 0; i < filter.tags.size(); ++i) {
    sql += " AND " + prefix + "tag_set IN (SELECT tag_set FROM tag_set_tags WHERE key = ? AND value = ?)";
  }
  const std::string table = prefix.substr(prefix.compare(0, 1, "+") == 0 ? 1 : 0);
  if (filter.from) sql += " AND " + table + time + " >= ?";
  if (filter.to) sql += " AND " + table + time + " < ?";
  return sql;
}

}  // namespace

std::string ConnectionConditions(const ConnectionFilter& filter, const std::string& prefix) {
  return Conditions(filter, prefix, "at_s") + (filter.endpoint.empty() ? "" : " AND " + prefix + "endpoint = ?");
}

std::string SessionConditions(const SessionFilter& filter, const std::string& prefix) {
  return Conditions(filter, prefix, "ended_s");
}

void BindConnectionFilter(const ConnectionFilter& filter, Statement* statement) {
  BindSessionFilter(filter, statement);
  if (!filter.endpoint.empty()) statement->Text(filter.endpoint);
}

void BindSessionFilter(const SessionFilter& filter, Statement* statement) {
  if (!filter.app_id.empty()) statement->Text(filter.app_id);
  if (!filter.app_version.empty()) statement->Text(filter.app_version);
  if (filter.platform.value_or(0) != 0) statement->Int(*filter.platform);
  for (const auto& [key, value] : filter.tags) statement->Text(key).Text(value);
  if (filter.from) statement->Int(*filter.from);
  if (filter.to) statement->Int(*filter.to);
}

}  // namespace whydrop::collector
