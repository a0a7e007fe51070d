// What is asked about sessions, read from the tables: the newest ones, how they ended, where they crashed, and what
// their apps call things.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_SESSIONS_H
#define WHYDROP_COLLECTOR_SQLITE_SESSIONS_H

#include <optional>
#include <string>
#include <vector>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

std::vector<SessionView> ReadSessions(const Database& db, std::optional<int32_t> end, const std::string& app_id,
                                      uint32_t limit);
std::vector<SessionEndGroup> ReadSessionEnds(const Database& db, const SessionFilter& filter);
Crashes ReadCrashes(const Database& db, const SessionFilter& filter, uint32_t limit);
bool ReadHasSession(const Database& db, const std::string& app_id, const std::string& session_id);
int64_t ReadNewestReport(const Database& db);  // unix seconds of its receipt, 0: there is none
std::vector<std::string> ReadApps(const Database& db);
std::vector<Label> ReadLabels(const Database& db, const std::string& app_id);

}  // namespace whydrop::collector

#endif
