// The ingest address: takes batches, checks who sends them, and answers once they are durable.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_INGEST_H
#define WHYDROP_COLLECTOR_INGEST_H

#include <string>

#include "samples/collector/config/options.h"
#include "samples/collector/http/http_server.h"
#include "samples/collector/http/rate_limit.h"
#include "samples/collector/ingest/quota.h"
#include "samples/collector/metrics.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class Ingest {
 public:
  Ingest(const Options& options, Store* store, ClockFn now, Metrics* metrics);

  void Handle(HttpRequest request, const RespondFn& respond);

 private:
  bool Authorize(const SessionInfo& session, const std::string& key, HttpResponse* refusal) const;
  void TakeBatch(const HttpRequest& request, const RespondFn& respond);
  void Refuse(Counter counter, unsigned status, const std::string& message, const RespondFn& respond);

  const Options options_;
  const bool trusts_servers_;  // takes batches of servers without a key
  Store* const store_;
  const ClockFn now_;
  Metrics* const metrics_;
  RateLimit rate_limit_;
  QuotaBook quotas_;
};

// The seconds of X-Whydrop-Age: 0 for garbage and negative numbers, at most 400 days.
int64_t ParseAge(const std::string& text);

}  // namespace whydrop::collector

#endif
