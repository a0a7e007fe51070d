// Counters of the collector, shown in the Prometheus text format.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_METRICS_H
#define WHYDROP_COLLECTOR_METRICS_H

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace whydrop::collector {

// X(enumerator, name, help)
#define WHYDROP_COLLECTOR_METRICS(X)                                                                          \
  X(kAccepted, "batches_accepted_total", "Batches stored.")                                                   \
  X(kDuplicate, "batches_duplicate_total", "Batches that were stored before.")                                \
  X(kConflict, "batches_conflict_total", "Batches whose id is known with other bytes.")                       \
  X(kOutOfBounds, "batches_out_of_bounds_total", "Batches refused because a value breaks its rule.")          \
  X(kDisabled, "batches_disabled_total", "Batches of an application that is switched off.")                   \
  X(kUnavailable, "batches_unavailable_total", "Batches not stored: the store was full or failed.")           \
  X(kUnreadable, "requests_unreadable_total", "Bodies that are no batch, too large or not gzip.")             \
  X(kUnauthorized, "requests_unauthorized_total", "Batches without the key that they need.")                  \
  X(kRateLimited, "requests_rate_limited_total", "Requests beyond the rate limit.")                           \
  X(kOverQuota, "batches_over_quota_total", "Batches beyond their app's quota.")                              \
  X(kRefusedConnections, "connections_refused_total", "HTTP connections beyond the limit.")                   \
  X(kRecords, "records_total", "Connection records stored.")                                                  \
  X(kRecordsOverLimit, "records_over_limit_total", "Records beyond what one session may contribute.")         \
  X(kTokensOverused, "tokens_overused_total", "Records whose token was shared by too many: kept without it.") \
  X(kLabelsFolded, "labels_folded_total", "Labels and tags beyond the limit per app: kept as (other).")       \
  X(kCommits, "commits_total", "Transactions of the store.")

enum class Counter : size_t {
#define WHYDROP_X(enumerator, name, help) enumerator,
  WHYDROP_COLLECTOR_METRICS(WHYDROP_X)
#undef WHYDROP_X
      kCount
};

class Metrics {
 public:
  void Add(Counter counter, uint64_t count = 1) {
    values_[static_cast<size_t>(counter)].fetch_add(count, std::memory_order_relaxed);
  }
  uint64_t Get(Counter counter) const { return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed); }

  std::string PrometheusText() const;

 private:
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kCount)> values_{};
};

}  // namespace whydrop::collector

#endif
