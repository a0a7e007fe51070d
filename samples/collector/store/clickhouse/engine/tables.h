// The tables in the engine: what they are for, how they are made, and the order of their columns.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_TABLES_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_TABLES_H

#include <cstdint>
#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/url.h"

namespace whydrop::collector::clickhouse {

// Of the tables, and of rows that lie in a spool for them. A next version may add tables, and columns at the end of
// those that are there: then collectors of this version go on beside it, and rows of this version are taken. One that
// changes more raises the oldest version whose collectors may use its tables, and must bring in the rows of earlier
// spools.
inline constexpr int kSchemaVersion = 1;
inline constexpr int kOldestVersionBeside = 1;

// Those that a collector writes from its spool; the values are stored there.
enum class Table : uint8_t { kRecords = 1, kWork = 2, kSessions = 3, kLabels = 4, kLinks = 5 };
inline constexpr Table kSpooledTables[] = {Table::kLabels, Table::kSessions, Table::kLinks, Table::kRecords,
                                           Table::kWork};

const char* TableName(Table table);

struct Column {
  std::string name, type;
  bool operator==(const Column& other) const { return name == other.name && type == other.type; }
};
std::vector<std::string> TableNames();
// In the order of a row's values. Empty: there is no such table.
std::vector<Column> ColumnsOf(const std::string& table);

// All statements that make the database and its tables on one node, the same for every node. Every one leaves alone
// what is there already.
std::vector<std::string> SchemaStatements(const Settings& settings);

// Records in the tables of one node which version they are.
std::string VersionStatement(const Settings& settings);

// Tables whose partitions are days, so that what is too old goes with its partition. `counts` has (day, generation).
extern const std::vector<std::string> kTablesByDay;

// A table on one node, and on all shards.
std::string Local(const Settings& settings, const std::string& table);
std::string Everywhere(const Settings& settings, const std::string& table);

// "INSERT INTO drops.days (day, touched_ms) ": the columns are named, so that a table of a newer version, which has
// more of them, takes the rows of this one.
std::string InsertInto(const Settings& settings, const std::string& table);

}  // namespace whydrop::collector::clickhouse

#endif
