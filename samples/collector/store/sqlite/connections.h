// Single connections, read from the tables: those of a token or a session with both ends, and rows of many.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_CONNECTIONS_H
#define WHYDROP_COLLECTOR_SQLITE_CONNECTIONS_H

#include <functional>
#include <string>
#include <vector>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/sqlite/ends.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

std::vector<ConnectionView> ReadConnections(const Database& db, const std::string& app_id,
                                            const std::string& token_hash, const JoinTime& time);
std::vector<ConnectionView> ReadConnectionsOfSession(const Database& db, const std::string& app_id,
                                                     const std::string& session_id, uint32_t limit,
                                                     const JoinTime& time);
std::vector<ConnectionRow> ReadRecentConnections(const Database& db, const ConnectionQuery& query, uint32_t limit,
                                                 int64_t now_s);
void VisitConnectionRows(const Database& db, const ConnectionQuery& query, int64_t now_s,
                         const std::function<bool(const ConnectionRow&)>& visit);

}  // namespace whydrop::collector

#endif
