// What the collector says on stderr: one line of logfmt each, few of them.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_LOG_LINE_H
#define WHYDROP_COLLECTOR_LOG_LINE_H

#include <string_view>

namespace whydrop::collector {

void LogInfo(std::string_view event, std::string_view message);

// At most one line a second for each event; the next one says how many were left out.
void LogWarning(std::string_view event, std::string_view message);

}  // namespace whydrop::collector

#endif
