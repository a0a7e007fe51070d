// Answers that list sessions and labels.
//
// Thread rule: every function from any thread. Each throws StoreError.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SESSIONS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SESSIONS_H

#include <optional>
#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/question.h"

namespace whydrop::collector::clickhouse {

std::vector<SessionView> ReadSessions(const Question& question, std::optional<int32_t> end, const std::string& app_id,
                                      uint32_t limit);
std::vector<SessionEndGroup> ReadSessionEnds(const Question& question, const SessionFilter& filter);
Crashes ReadCrashes(const Question& question, const SessionFilter& filter, uint32_t limit);
bool ReadHasSession(const Question& question, const std::string& app_id, const std::string& session_id);

// The rows of "app" and "tag" too, which count apps and tag keys against their limits.
std::vector<Label> ReadAllLabels(const Question& question, const std::string& app_id);
int64_t ReadNewestReport(const Question& question);  // unix seconds, 0: none

}  // namespace whydrop::collector::clickhouse

#endif
