// Answers that count connections.
//
// Thread rule: every function from any thread. Each throws StoreError.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_COUNTS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_COUNTS_H

#include <vector>

#include "samples/collector/store/clickhouse/engine/question.h"

namespace whydrop::collector::clickhouse {

Attribution ReadAttribution(const Question& question, const AttributionQuery& query, int64_t now_s);
std::vector<Finding> ReadFindings(const Question& question, const ConnectionFilter& filter);

}  // namespace whydrop::collector::clickhouse

#endif
