// The tables that count as SQL: how a verdict is counted, and what to select from to have a question answered.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_COUNT_SQL_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_COUNT_SQL_H

#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/question.h"
#include "samples/collector/store/count_plan.h"

namespace whydrop::collector::clickhouse {

// Facet of `counts` whose rows are by the hour.
inline const std::string kHourFacet = "hour";

// Counts the verdicts of one day, "toDate(...)", as columns of the table `counts` without day and generation. A verdict
// that says nothing counts as 0 of no facet, so that a day of which nothing is left is counted too. Until when one waits
// is kept where that is later than `now_s`: else every second would have counts of its own.
std::string SelectDayCounts(const Settings& settings, const std::string& day, int64_t now_s);

// What counts, in parentheses: the columns kind, cause, outcome, app_version, platform, server_error, decided_s,
// starts_s (of the hour or the day, whichever is a dimension), `counted`, and one for each facet among the dimensions,
// called as FacetColumn says. Both ask for the days that there are. Throw StoreError.
std::string CountsFor(const Question& question, const CountQuery& query);
std::string FacetColumn(const std::vector<std::string>& dimensions, const std::string& dimension);

// What counts once for each of some facets, in parentheses: kind, cause, outcome, facet, value, `counted`.
std::string CountsByFacet(const Question& question, const ConnectionFilter& filter,
                          const std::vector<std::string>& facets);

}  // namespace whydrop::collector::clickhouse

#endif
