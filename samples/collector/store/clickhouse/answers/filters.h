// Filters of a question as SQL. Whatever an asker wrote is a quoted literal.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_FILTERS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_FILTERS_H

#include <optional>
#include <string>

#include "samples/collector/store/clickhouse/engine/url.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector::clickhouse {

// " AND ..." for each condition but those of time. The first kind holds for every table.
std::string SenderConditions(const SessionFilter& filter);
std::string SessionConditions(const SessionFilter& filter);
std::string ConnectionConditions(const ConnectionFilter& filter);

// " AND ..." for the days of a time, which name the partitions, and for the time itself too. Moments that no Date knows
// are put at the border.
std::string DayConditions(std::optional<int64_t> from, std::optional<int64_t> to);
std::string TimeConditions(std::optional<int64_t> from, std::optional<int64_t> to, const std::string& column);
int64_t KnownTime(int64_t unix_s);

// The text of a session's tag, '' without it.
std::string TagColumn(const std::string& key);

// A SELECT of the newest verdict of each connection, or of each session, that the filter takes.
enum class Of { kConnections, kSessions };
std::string SelectVerdicts(const Settings& settings, const ConnectionFilter& filter, const std::string& columns, Of of);

}  // namespace whydrop::collector::clickhouse

#endif
