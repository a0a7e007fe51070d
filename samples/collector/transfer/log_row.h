// What a line of a server's log means as evidence: the columns that import knows.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_LOG_ROW_H
#define WHYDROP_COLLECTOR_LOG_ROW_H

#include <cstdint>
#include <set>
#include <string>

#include "samples/collector/model/os_errors.h"
#include "samples/collector/transfer/log_file.h"
#include "whydrop/v1/report.pb.h"

namespace whydrop::collector {

struct LoggedConnection {
  v1::Connection message;  // without number, and without times
  int64_t ended_unix_ms = 0;
  int64_t opened_unix_ms = 0;  // 0: not known
};

struct LogContext {
  std::string app_id;
  OsFamily family = OsFamily::kLinux;
  std::set<std::string> ignored;  // columns that mean nothing here
  int64_t now_unix_s = 0;
  uint32_t keep_days = 0;  // what ended before would be deleted at once
};

// Throws LineError, whose text names the column.
LoggedConnection ReadRow(const LogRow& row, const LogContext& context);

}  // namespace whydrop::collector

#endif
