// What whydrop-collector is told: by its command line, by the environment and by a configuration file, with one
// meaning.
//
// Thread rule: plain values.
#ifndef WHYDROP_COLLECTOR_OPTIONS_H
#define WHYDROP_COLLECTOR_OPTIONS_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "samples/collector/http/address.h"
#include "samples/collector/log_line.h"
#include "samples/collector/model/os_errors.h"

namespace whydrop::collector {

enum class QuotaPeriod { kSecond, kDay };

// How many batches an app may send in a period.
struct Quota {
  uint64_t batches = 0;
  QuotaPeriod period = QuotaPeriod::kSecond;
};

enum class FileFormat { kByName, kCsv, kJsonLines };
enum class BadLines { kRefuse, kSkip };

// Every app has one key, or two while the old one is replaced; as many as were given are valid.
using KeysByApp = std::map<std::string, std::set<std::string>>;
using QuotasByApp = std::map<std::string, std::vector<Quota>>;

// The defaults stand in the table of options (option_table.cc), beside each one's meaning.
struct Options {
  Endpoint listen;
  Endpoint admin_listen;
  std::set<std::string> admin_hosts;  // names that the admin address answers to, in lower case
  std::string store_url;
  KeysByApp keys;
  KeysByApp server_keys;
  QuotasByApp quotas;
  QuotasByApp server_quotas;
  std::set<std::string> disabled_apps;
  std::string tls_cert;
  std::string tls_key;
  std::vector<Cidr> trusted_proxies;
  uint32_t join_window_s = 0;
  uint32_t keep_days = 0;
  uint32_t rate_limit = 0;  // requests a second for each address, 0: none
  uint32_t max_connections = 0;
  uint32_t max_connections_per_address = 0;  // 0: no limit of its own
  uint32_t body_memory_mib = 0;
  uint32_t threads = 0;
  uint32_t stop_delay_s = 0;  // keeps serving, but not ready, after the first signal
  uint32_t drain_s = 0;       // what is under way may take so long at the end
  uint32_t max_lag_s = 0;     // not ready if answers are further behind
  uint32_t question_limit_s = 0;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
  // Of import and export.
  std::string app_id;
  std::string app_version;
  FileFormat format = FileFormat::kByName;
  OsFamily family = OsFamily::kLinux;
  std::set<std::string> ignored_columns;
  BadLines bad_lines = BadLines::kRefuse;
  std::map<std::string, std::string> filter;  // by the names that /v1/attribution takes
};

}  // namespace whydrop::collector

#endif
