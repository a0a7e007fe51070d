// The admin address: the JSON interface, the metrics and the page.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_ADMIN_API_H
#define WHYDROP_COLLECTOR_ADMIN_API_H

#include <string>
#include <utility>

#include "samples/collector/admin/host_guard.h"
#include "samples/collector/http/http_server.h"
#include "samples/collector/metrics.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class AdminApi {
 public:
  AdminApi(Store* store, Metrics* metrics, HostGuard guard)
      : store_(store), metrics_(metrics), guard_(std::move(guard)) {}

  HttpResponse Answer(const HttpRequest& request) const;

 private:
  HttpResponse AnswerSafely(const HttpRequest& request) const;
  HttpResponse Route(const HttpRequest& request) const;
  // Each takes what stands behind the '?'.
  HttpResponse Attribute(const std::string& text) const;
  HttpResponse Connections(const std::string& text) const;
  HttpResponse Sessions(const std::string& text) const;
  HttpResponse SessionEnds(const std::string& text) const;
  HttpResponse CrashPlaces(const std::string& text) const;
  HttpResponse Findings(const std::string& text) const;
  HttpResponse Labels(const std::string& text) const;

  Store* store_;
  Metrics* metrics_;
  HostGuard guard_;
};

}  // namespace whydrop::collector

#endif
