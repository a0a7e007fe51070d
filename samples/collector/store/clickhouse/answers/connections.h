// Answers that list single connections.
//
// Thread rule: every function from any thread. Each throws StoreError.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_CONNECTIONS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_CONNECTIONS_H

#include <functional>
#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/question.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {

std::vector<ConnectionView> ReadConnections(const Question& question, const std::string& app_id,
                                            const std::string& token_hash, const JoinTime& time);
std::vector<ConnectionView> ReadConnectionsOfSession(const Question& question, const std::string& app_id,
                                                     const std::string& session_id, uint32_t limit,
                                                     const JoinTime& time);
std::vector<ConnectionRow> ReadRecentConnections(const Question& question, const ConnectionQuery& query, uint32_t limit,
                                                 int64_t now_s);
// Day by day, each as of one moment.
void VisitConnectionRows(const Question& question, const ConnectionQuery& query, int64_t now_s,
                         const std::function<bool(const ConnectionRow&)>& visit);

}  // namespace whydrop::collector::clickhouse

#endif
