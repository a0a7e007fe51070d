#include "samples/collector/store/clickhouse/engine/tables.h"

#include <sstream>

namespace whydrop::collector::clickhouse {
namespace {

struct Definition {
  const char* name;
  const char* columns;
  const char* engine;   // without Replicated
  const char* version;  // the column that says which of two rows with one key stays; "": none
  const char* partition;
  const char* order;
  int granularity;
  bool is_of_node = false;  // each node has its own
};

// Nothing here that ClickHouse 18.16 or a current one does not take.
constexpr Definition kTables[] = {
    // What the two ends reported, as it came: a row for each connection record and each close total of each batch that
    // a collector took, and for what each batch of a player says of its session; so a batch that two collectors took is
    // here twice. join_key is the token's hash; without a token it is made of session and number (keys.h). `counted` is
    // 0 for a record, what a close total counts, 1 for a session. `day` is of receipt. Both ends of a connection lie in
    // one shard.
    {"records",
     "day Date, app_id String, join_key FixedString(16), row_id UInt64, received_us UInt64, role UInt8, "
     "session_id FixedString(16), number UInt32, rotation UInt32, part UInt32, has_token UInt8, open UInt8, "
     "recovered UInt8, next_refused UInt8, linked UInt8, is_session UInt8, endpoint String, network String, evidence "
     "String, at_s UInt32, counted "
     "UInt64, cause Int32, "
     "app_version String, platform Int32, session_end Int32, rotate_interval_ms UInt32, tag_keys Array(String), "
     "tag_values Array(String)",
     "ReplacingMergeTree", "", "day", "(app_id, join_key, row_id)", 1024},
    // What connections of one session have to do with each other, where the session comes in more than one batch: under
    // the key of a connection's session and number (keys.h) stand the join key by which its record is found, and each
    // attempt that has it as its previous one, whose number is not 0.
    {"links",
     "day Date, app_id String, link_key FixedString(16), received_us UInt64, number UInt32, open UInt8, established "
     "UInt8, evidence String, join_key FixedString(16)",
     "ReplacingMergeTree", "", "day", "(app_id, link_key, number, open, received_us)", 1024},
    // Join keys that must be judged, each once its time has come; done when a row with done = 1 is there.
    {"work", "day Date, due_us UInt64, app_id String, join_key FixedString(16), owner UInt32, done UInt8",
     "ReplacingMergeTree", "done", "day", "(due_us, app_id, join_key, owner)", 8192},
    // What is said of each connection, a row for each row of `records`: the one with the highest version holds, and of
    // all rows of one connection one counts, as of one session. `day` is of the connection's end, or the session's.
    {"verdicts",
     "day Date, app_id String, row_id UInt64, version UInt64, kind UInt8, connections UInt64, at_s UInt32, cause "
     "Int32, "
     "confidence Int32, outcome Int32, app_version String, endpoint String, network String, platform Int32, "
     "server_error String, decided_s UInt32, findings UInt32, token FixedString(16), has_token UInt8, "
     "session_id FixedString(16), server_session FixedString(16), tag_keys Array(String), tag_values Array(String)",
     "ReplacingMergeTree", "version", "day", "(app_id, row_id)", 8192},
    // The verdicts of one day, counted once for each facet that they have (count_plan.h), and once more by the hour.
    // at_s is the start of the day, or of the hour. The newest generation of each day holds.
    {"counts",
     "day Date, generation UInt64, facet String, value String, app_id String, at_s UInt32, kind UInt8, cause Int32, "
     "outcome Int32, app_version String, platform Int32, server_error String, decided_s UInt32, connections UInt64",
     "MergeTree", "", "(day, generation)", "(facet, value, app_id, at_s, cause)", 1024},
    // When verdicts of a day changed last.
    {"days", "day Date, touched_ms UInt64", "ReplacingMergeTree", "touched_ms", "day", "day", 8192},
    // What each batch says of its session; the row with the highest rank holds.
    {"sessions",
     "day Date, app_id String, role UInt8, session_id FixedString(16), rank UInt64, rotation UInt32, received_s "
     "UInt32, "
     "started_s UInt32, ended_s UInt32, reference_s UInt32, app_version String, platform Int32, sdk_version String, "
     "ended_as Int32, end_confidence Int32, code UInt32, module String, crash_offset UInt64, report_id String, "
     "uptime_ms UInt64, "
     "connections_opened UInt64, boot_id String, machine_id String, rotate_interval_ms UInt32, losses UInt64, "
     "tag_keys Array(String), tag_values Array(String)",
     "ReplacingMergeTree", "rank", "day", "(app_id, role, session_id)", 8192},
    // What is known of a server's process beside its own reports: whether it ended, or another one took its place.
    {"server_states",
     "day Date, app_id String, session_id FixedString(16), version UInt64, rotation UInt32, ended_as Int32, replaced "
     "UInt8, "
     "rotate_interval_ms UInt32",
     "ReplacingMergeTree", "version", "day", "(app_id, session_id)", 1024},
    // The versions that the tables of a node have had, and the oldest whose collectors may use each.
    {"schema", "version UInt32, oldest UInt32", "ReplacingMergeTree", "", "", "version", 8192, true},
    // Values that apps gave to their labels.
    {"labels", "app_id String, dimension String, value String", "ReplacingMergeTree", "", "",
     "(app_id, dimension, value)", 8192},
};

std::string EngineOf(const Settings& settings, const Definition& table) {
  std::string engine = table.engine;
  std::string arguments = table.version;
  if (!settings.cluster.empty() && !table.is_of_node) {
    // The nodes' macros tell their shard and their own name.
    engine = "Replicated" + engine;
    arguments = "'/clickhouse/tables/{shard}/" + settings.database + "/" + table.name + "', '{replica}'" +
                (arguments.empty() ? "" : ", " + arguments);
  }
  const std::string partition = *table.partition != '\0' ? std::string(" PARTITION BY ") + table.partition : "";
  return " ENGINE = " + engine + "(" + arguments + ")" + partition + " ORDER BY " + table.order +
         " SETTINGS index_granularity = " + std::to_string(table.granularity);
}

}  // namespace

const std::vector<std::string> kTablesByDay = {"records", "links",    "work",         "verdicts",
                                               "days",    "sessions", "server_states"};

const char* TableName(Table table) {
  switch (table) {
    case Table::kRecords:
      return "records";
    case Table::kWork:
      return "work";
    case Table::kSessions:
      return "sessions";
    case Table::kLabels:
      return "labels";
    case Table::kLinks:
      return "links";
  }
  return "";
}

std::string Local(const Settings& settings, const std::string& table) { return settings.database + "." + table; }

std::string Everywhere(const Settings& settings, const std::string& table) {
  return Local(settings, table) + (settings.cluster.empty() ? "" : "_all");
}

std::vector<std::string> TableNames() {
  std::vector<std::string> names;
  for (const Definition& definition : kTables) names.push_back(definition.name);
  return names;
}

std::vector<Column> ColumnsOf(const std::string& table) {
  std::vector<Column> columns;
  for (const Definition& definition : kTables) {
    if (table != definition.name) continue;
    std::istringstream text(definition.columns);
    for (Column column; text >> column.name && std::getline(text >> std::ws, column.type, ',');) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::string InsertInto(const Settings& settings, const std::string& table) {
  std::string names;
  for (const Column& column : ColumnsOf(table)) names += (names.empty() ? "" : ", ") + column.name;
  return "INSERT INTO " + Local(settings, table) + " (" + names + ") ";
}

std::vector<std::string> SchemaStatements(const Settings& settings) {
  std::vector<std::string> all = {"CREATE DATABASE IF NOT EXISTS " + settings.database};
  for (const Definition& table : kTables) {
    all.push_back("CREATE TABLE IF NOT EXISTS " + Local(settings, table.name) + " (" + table.columns + ")" +
                  EngineOf(settings, table));
    if (settings.cluster.empty()) continue;
    all.push_back("CREATE TABLE IF NOT EXISTS " + Everywhere(settings, table.name) + " (" + table.columns +
                  ") ENGINE = Distributed(" + settings.cluster + ", " + settings.database + ", " + table.name + ")");
  }
  return all;
}

std::string VersionStatement(const Settings& settings) {
  return InsertInto(settings, "schema") + "VALUES (" + std::to_string(kSchemaVersion) + ", " +
         std::to_string(kOldestVersionBeside) + ")";
}

}  // namespace whydrop::collector::clickhouse
