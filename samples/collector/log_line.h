// What the collector says on stderr: one line each, as logfmt or as a JSON object, few of them.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_LOG_LINE_H
#define WHYDROP_COLLECTOR_LOG_LINE_H

#include <string_view>
#include <utility>
#include <vector>

namespace whydrop::collector {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kLogfmt, kJson };

// Lines below `level` are left out. info and logfmt until it is called.
void ConfigureLog(LogLevel level, LogFormat format);

// Names of [a-z_] and any values, which live as long as the call.
using LogFields = std::vector<std::pair<std::string_view, std::string_view>>;

void LogDebug(std::string_view event, std::string_view message, const LogFields& fields = {});
void LogInfo(std::string_view event, std::string_view message, const LogFields& fields = {});

// At most one line a second for each event; the next one says how many were left out.
void LogWarning(std::string_view event, std::string_view message, const LogFields& fields = {});
void LogError(std::string_view event, std::string_view message, const LogFields& fields = {});

}  // namespace whydrop::collector

#endif
