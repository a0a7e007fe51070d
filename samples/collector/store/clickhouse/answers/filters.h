// Filters of a question as SQL. Whatever an asker wrote is a quoted literal.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_FILTERS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_FILTERS_H

#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/url.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector::clickhouse {

// " AND ..." for each condition but those of time.
std::string ConnectionConditions(const ConnectionFilter& filter);
std::string SessionConditions(const SessionFilter& filter);

// The text of a session's tag, '' without it.
std::string TagColumn(const std::string& key);

// Tables to select from, in parentheses. The newest verdict of each connection that the filter takes:
std::string VerdictsOf(const Settings& settings, const ConnectionFilter& filter, const std::string& columns);

// The same counted, in the columns of `hours` and tag0, tag1, ... for `tags`. Hours do not know tags and no minutes, so
// with them every connection is read. kCoarse: endpoint, network and findings are not asked for.
enum class Grain { kCoarse, kFine };
std::string CountsOf(const Settings& settings, const ConnectionFilter& filter, const std::vector<std::string>& tags,
                     Grain grain);

}  // namespace whydrop::collector::clickhouse

#endif
