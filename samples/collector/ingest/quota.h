// Counts batches against the quotas of their apps. Each collector counts for itself and forgets when it is restarted.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_QUOTA_H
#define WHYDROP_COLLECTOR_QUOTA_H

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/config/options.h"
#include "samples/collector/http/token_bucket.h"
#include "samples/collector/model/records.h"

namespace whydrop::collector {

class QuotaBook {
 public:
  QuotaBook(const QuotasByApp& clients, const QuotasByApp& servers);

  // Returns 0 if the batch may be taken, else after how many seconds to try again. What the quota of a
  // second refuses is not counted against that of the day, or a sender that comes again would use up its day with
  // batches that were never taken.
  int64_t Take(const SessionInfo& session, int64_t now_unix_s, uint64_t now_ms);

 private:
  struct Account {
    Quota quota;
    TokenBucket second;
    int64_t day = 0;
    uint64_t taken_today = 0;
  };

  void Open(const QuotasByApp& quotas, Role role);

  std::mutex mutex_;
  std::map<std::pair<std::string, Role>, std::vector<Account>> accounts_;  // accounts guarded by mutex_
};

}  // namespace whydrop::collector

#endif
