// Whether the collector lives (/healthz) and whether a balancer should send it anything (/readyz): the same on both
// addresses, from the first moment to the last. Strangers are not told what the operator is: names of files and nodes.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_HEALTH_H
#define WHYDROP_COLLECTOR_HEALTH_H

#include <atomic>
#include <optional>
#include <string>

#include "samples/collector/http/http_server.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

enum class Asker { kOperator, kAnybody };

class Health {
 public:
  // Not ready if answers are further behind than `max_lag_s`.
  Health(uint32_t max_lag_s, ClockFn now) : max_lag_s_(max_lag_s), now_(std::move(now)) {}

  // Until then every request but these two gets 503. The store outlives this.
  void StoreIsOpen(Store* store) { store_ = store; }
  void StopHasBegun() { stopping_ = true; }

  // "" if it is ready, else why not, in a sentence.
  std::string WhyNotReady(Asker asker) const;

  // Seconds that answers are behind, 0 while there is no store.
  int64_t LagS() const;

  // The answer to /healthz and /readyz, and to everything while the store is being opened; nullopt for the rest.
  std::optional<HttpResponse> Answer(const HttpRequest& request, Asker asker) const;

 private:
  const uint32_t max_lag_s_;
  const ClockFn now_;
  std::atomic<Store*> store_{nullptr};
  std::atomic<bool> stopping_{false};
};

}  // namespace whydrop::collector

#endif
