// Puts rows into the order of their table: then the engine, whose time is dearer than a collector's, has nothing to
// sort.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_ROW_ORDER_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_ROW_ORDER_H

#include <string_view>
#include <vector>

#include "samples/collector/store/clickhouse/engine/tables.h"

namespace whydrop::collector::clickhouse {

// The same order for the same rows, each time. Only of the tables that have many rows; where one row is none of its
// table, all stay as they are. The engine sorts what is not sorted.
void SortRows(Table table, std::vector<std::string_view>* rows);

}  // namespace whydrop::collector::clickhouse

#endif
