#include "samples/collector/ingest/quota.h"

namespace whydrop::collector {
namespace {

constexpr int64_t kDayS = 86400;

}  // namespace

QuotaBook::QuotaBook(const QuotasByApp& clients, const QuotasByApp& servers) {
  Open(clients, Role::kClient);
  Open(servers, Role::kServer);
}

void QuotaBook::Open(const QuotasByApp& quotas, Role role) {
  for (const auto& [app_id, of_app] : quotas) {
    for (const Quota& quota : of_app) accounts_[{app_id, role}].push_back({quota, TokenBucket(quota.batches, 0)});
  }
}

int64_t QuotaBook::Take(const SessionInfo& session, int64_t now_unix_s, uint64_t now_ms) {
  const auto found = accounts_.find({session.app_id, session.role});
  if (found == accounts_.end()) return 0;
  const std::lock_guard<std::mutex> lock(mutex_);
  const int64_t day = now_unix_s / kDayS;
  for (Account& account : found->second) {
    if (account.quota.period != QuotaPeriod::kDay) continue;
    if (account.day != day) account.taken_today = 0;
    account.day = day;
    if (account.taken_today >= account.quota.batches) return (day + 1) * kDayS - now_unix_s;
  }
  for (Account& account : found->second) {
    if (account.quota.period == QuotaPeriod::kSecond && !account.second.Take(account.quota.batches, now_ms)) return 1;
  }
  for (Account& account : found->second) ++account.taken_today;
  return 0;
}

}  // namespace whydrop::collector
