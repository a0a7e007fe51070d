// Whether the tables of a node are those that this collector writes to and reads from. A row is bytes in
// the order of named columns: where a type differs it would become another row, so nothing is sent before this is known.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SCHEMA_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SCHEMA_H

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/url.h"

namespace whydrop::collector::clickhouse {

// Makes what is missing, and leaves alone what is there. Throws StoreError, also if what is there cannot be used.
void MakeTablesAt(Node* node, const Settings& settings);

// False: it has none of the tables. Throws StoreError that says what does not fit: a table or a column is missing or of
// another type, or the version is too old or too new. More tables and columns do no harm.
bool HasTables(Node* node, const Settings& settings);

}  // namespace whydrop::collector::clickhouse

#endif
