#include "samples/collector/store/clickhouse/engine/schema.h"

#include <algorithm>
#include <map>

#include "samples/collector/log_line.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr const char* kApply = "`whydrop-collector schema --store URL --apply`";

using Found = std::map<std::string, std::vector<Column>>;

Found ReadColumns(Node* node, const Settings& settings) {
  const std::string answer =
      node->Ask("SELECT table, name, type FROM system.columns WHERE database = " + Quote(settings.database) +
                " FORMAT RowBinary");
  Found found;
  RowReader row(answer);
  while (row.More()) {
    std::vector<Column>& columns = found[row.Text()];
    Column column;
    column.name = row.Text();
    column.type = row.Text();
    columns.push_back(std::move(column));
  }
  return found;
}

struct Version {
  int newest = 0;
  int oldest = 0;  // of the collectors that may use it
};

Version ReadVersion(Node* node, const Settings& settings) {
  const std::string answer =
      node->Ask("SELECT max(version), argMax(oldest, version) FROM " + Local(settings, "schema") + " FORMAT RowBinary");
  RowReader row(answer);
  Version version;
  version.newest = static_cast<int>(row.U32());
  version.oldest = static_cast<int>(row.U32());
  return version;
}

[[noreturn]] void Refuse(const Node* node, const std::string& why) {
  throw StoreError("the tables of " + node->url() + " cannot be used: " + why);
}

void CheckColumns(const Node* node, const Found& found, const std::string& table, const std::string& definition) {
  const auto there = found.find(table);
  if (there == found.end()) Refuse(node, "there is no '" + table + "'; " + kApply + " makes it");
  for (const Column& wanted : ColumnsOf(definition)) {
    const auto same_name = std::find_if(there->second.begin(), there->second.end(),
                                        [&wanted](const Column& column) { return column.name == wanted.name; });
    if (same_name == there->second.end()) Refuse(node, "'" + table + "' has no column '" + wanted.name + "'");
    if (same_name->type != wanted.type) {
      Refuse(node, "'" + wanted.name + "' in '" + table + "' is " + same_name->type + " and not " + wanted.type);
    }
  }
}

}  // namespace

bool HasTables(Node* node, const Settings& settings) {
  const Found found = ReadColumns(node, settings);
  const std::vector<std::string> tables = TableNames();
  const bool has_any =
      std::any_of(tables.begin(), tables.end(), [&found](const std::string& table) { return found.count(table) != 0; });
  if (!has_any) return false;
  const std::string known = "this collector knows version " + std::to_string(kSchemaVersion);
  const Version version = found.count("schema") != 0 ? ReadVersion(node, settings) : Version();
  if (version.oldest > kSchemaVersion) {
    Refuse(node, "they are of version " + std::to_string(version.newest) + " for collectors that know version " +
                     std::to_string(version.oldest) + " or a later one, and " + known);
  }
  if (version.newest < kSchemaVersion) {
    Refuse(node, "they are of version " + std::to_string(version.newest) + ", and " + known + "; " + kApply +
                     " brings them there");
  }
  for (const std::string& table : tables) {
    CheckColumns(node, found, table, table);
    if (!settings.cluster.empty()) CheckColumns(node, found, table + "_all", table);
  }
  if (version.newest > kSchemaVersion) {
    LogInfo("schema", "the tables are newer than this collector, which may go on beside newer ones",
            {{"tables", std::to_string(version.newest)}, {"collector", std::to_string(kSchemaVersion)}});
  }
  return true;
}

void MakeTablesAt(Node* node, const Settings& settings) {
  for (const std::string& statement : SchemaStatements(settings)) node->Ask(statement);
  if (ReadVersion(node, settings).newest < kSchemaVersion) node->Ask(VersionStatement(settings));
  HasTables(node, settings);
}

}  // namespace whydrop::collector::clickhouse
