// The conditions of a question as SQL. What the asker wrote is bound, never put into the text.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_FILTERS_H
#define WHYDROP_COLLECTOR_SQLITE_FILTERS_H

#include <string>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

// " AND ..." for the table `connections` or `sessions`, or "". `prefix` stands before every column but the time: "c."
// in a statement with other tables, with a plus before it the column is kept from choosing an index.
std::string ConnectionConditions(const ConnectionFilter& filter, const std::string& prefix = "");
std::string SessionConditions(const SessionFilter& filter, const std::string& prefix = "");

// Binds what the conditions need, in their order.
void BindConnectionFilter(const ConnectionFilter& filter, Statement* statement);
void BindSessionFilter(const SessionFilter& filter, Statement* statement);

}  // namespace whydrop::collector

#endif
