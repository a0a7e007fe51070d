// Counters and gauges of the collector, shown in the Prometheus text format.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_METRICS_H
#define WHYDROP_COLLECTOR_METRICS_H

#include <array>
#include <atomic>
#include <chrono>
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
  X(kRefusedConnections, "connections_refused_total", "HTTP connections beyond the limits.")                  \
  X(kRefusedBodies, "bodies_refused_total", "Uploads that the memory for bodies did not suffice for.")        \
  X(kTimedOut, "connections_timed_out_total", "HTTP connections whose request did not come in time.")         \
  X(kHandshakesFailed, "tls_handshakes_failed_total", "TLS handshakes that failed.")                          \
  X(kMalformed, "requests_malformed_total", "Requests that are no HTTP, or break its limits.")                \
  X(kQuestionsFailed, "questions_failed_total", "Questions that the store could not answer, or not in time.") \
  X(kQuestionsRefused, "questions_refused_total", "Questions that too many others waited before.")            \
  X(kRecords, "records_total", "Connection records stored.")                                                  \
  X(kRecordsOverLimit, "records_over_limit_total", "Records beyond what one session may contribute.")         \
  X(kTokensOverused, "tokens_overused_total", "Records whose token was shared by too many: kept without it.") \
  X(kLabelsFolded, "labels_folded_total", "Labels and tags beyond the limit per app: kept as (other).")       \
  X(kCommits, "commits_total", "Transactions of the store.")                                                  \
  X(kBlocks, "blocks_total", "Blocks that ClickHouse took.")                                                  \
  X(kBlocksAgain, "segments_again_total", "Segments sent again because a ClickHouse node died.")              \
  X(kSegmentsTakenOver, "segments_taken_over_total", "Segments that a collector left which is gone.")         \
  X(kSpoolLostBatches, "spool_batches_lost_total", "Acknowledged batches that were damaged in the spool.")    \
  X(kSpoolDamagedBytes, "spool_damaged_bytes_total", "Bytes of the spool that are damaged.")                  \
  X(kSpoolUnfinishedBytes, "spool_unfinished_bytes_total",                                                    \
    "Bytes of the spool that a collector was writing when it died: not acknowledged.")

enum class Counter : size_t {
#define WHYDROP_X(enumerator, name, help) enumerator,
  WHYDROP_COLLECTOR_METRICS(WHYDROP_X)
#undef WHYDROP_X
      kCount
};

// X(enumerator, name, help)
#define WHYDROP_COLLECTOR_GAUGES(X)                                                      \
  X(kReady, "ready", "1 if /readyz says so.")                                            \
  X(kLag, "answers_behind_seconds", "How far answers are behind what was acknowledged.") \
  X(kWaiting, "batches_waiting", "Batches handed to the store and not yet durable.")     \
  X(kIngestConnections, "ingest_connections", "Open connections to the ingest address.") \
  X(kAdminConnections, "admin_connections", "Open connections to the admin address.")    \
  X(kBodyBytes, "body_memory_bytes", "Memory set aside for uploads that come in.")       \
  X(kSpoolAside, "spool_files_aside", "Files of the spool that cannot be used now.")     \
  X(kResidentBytes, "resident_memory_bytes", "Memory of the process that is in RAM.")    \
  X(kStartTime, "start_time_seconds", "Unix time of the start.")                         \
  X(kCertificateEnd, "tls_certificate_end_time_seconds", "Unix time at which the certificate ends, 0 without one.")

enum class Gauge : size_t {
#define WHYDROP_X(enumerator, name, help) enumerator,
  WHYDROP_COLLECTOR_GAUGES(WHYDROP_X)
#undef WHYDROP_X
      kCount
};

// X(enumerator, name, help): of times in seconds.
#define WHYDROP_COLLECTOR_HISTOGRAMS(X)                                         \
  X(kAnswers, "answer_seconds", "From the last byte of a batch to its answer.") \
  X(kQuestions, "question_seconds", "What the store took to answer a question of the page.")

enum class Histogram : size_t {
#define WHYDROP_X(enumerator, name, help) enumerator,
  WHYDROP_COLLECTOR_HISTOGRAMS(WHYDROP_X)
#undef WHYDROP_X
      kCount
};

// Upper bounds of the histograms' buckets, in seconds.
inline constexpr std::array<double, 13> kHistogramBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                         0.25,  0.5,    1,     2.5,  5,     10};

class Metrics {
 public:
  void Add(Counter counter, uint64_t count = 1) {
    values_[static_cast<size_t>(counter)].fetch_add(count, std::memory_order_relaxed);
  }
  uint64_t Get(Counter counter) const { return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed); }

  void Set(Gauge gauge, int64_t value) { gauges_[static_cast<size_t>(gauge)].store(value, std::memory_order_relaxed); }
  void Change(Gauge gauge, int64_t by) { gauges_[static_cast<size_t>(gauge)].fetch_add(by, std::memory_order_relaxed); }

  void Observe(Histogram histogram, std::chrono::steady_clock::duration took);

  std::string PrometheusText() const;

 private:
  struct Times {
    std::array<std::atomic<uint64_t>, kHistogramBounds.size() + 1> buckets{};  // each alone; the last one: beyond
    std::atomic<uint64_t> sum_us{0};
  };

  std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kCount)> values_{};
  std::array<std::atomic<int64_t>, static_cast<size_t>(Gauge::kCount)> gauges_{};
  std::array<Times, static_cast<size_t>(Histogram::kCount)> times_{};
};

}  // namespace whydrop::collector

#endif
