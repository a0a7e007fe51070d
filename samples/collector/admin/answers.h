// Answers as JSON, one function for each kind of thing that is told.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_ANSWERS_H
#define WHYDROP_COLLECTOR_ANSWERS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samples/collector/store/store.h"

namespace whydrop::collector {

const char* PlatformName(int32_t platform);  // "unknown" for what this collector does not know
std::optional<int32_t> PlatformFromName(const std::string& name);

std::string AttributionJson(const AttributionQuery& query, const Attribution& found);
std::string ConnectionsJson(const std::vector<ConnectionView>& views);
std::string ConnectionRowsJson(const std::vector<ConnectionRow>& rows);
std::string SessionsJson(const std::vector<SessionView>& views);
std::string FindingsJson(const std::vector<Finding>& findings);
std::string SessionEndsJson(const SessionFilter& filter, const std::vector<SessionEndGroup>& groups);
std::string CrashesJson(const SessionFilter& filter, const Crashes& crashes);
std::string FreshnessJson(const StoreHealth& health);
std::string LabelsJson(const std::vector<std::string>& apps, const std::vector<Label>& labels);

}  // namespace whydrop::collector

#endif
