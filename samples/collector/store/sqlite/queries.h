// How many connections, by what is asked for, read from the tables.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_QUERIES_H
#define WHYDROP_COLLECTOR_SQLITE_QUERIES_H

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

Attribution ReadAttribution(const Database& db, const AttributionQuery& query, int64_t now_s);

}  // namespace whydrop::collector

#endif
