// What is asked about connections, read from the tables.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_QUERIES_H
#define WHYDROP_COLLECTOR_SQLITE_QUERIES_H

#include <string>
#include <vector>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/sqlite/ends.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

Attribution ReadAttribution(const Database& db, const AttributionQuery& query, int64_t now_s);
std::vector<ConnectionView> ReadConnections(const Database& db, const std::string& app_id,
                                            const std::string& token_hash, const JoinTime& time);

}  // namespace whydrop::collector

#endif
