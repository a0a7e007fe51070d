// The admin address: the JSON interface, the metrics and the page.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_ADMIN_API_H
#define WHYDROP_COLLECTOR_ADMIN_API_H

#include <functional>
#include <string>
#include <utility>

#include "samples/collector/admin/host_guard.h"
#include "samples/collector/http/http_server.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class AdminApi {
 public:
  AdminApi(Store* store, std::function<std::string()> metrics_text, HostGuard guard)
      : store_(store), metrics_text_(std::move(metrics_text)), guard_(std::move(guard)) {}

  HttpResponse Answer(const HttpRequest& request) const;

 private:
  HttpResponse AnswerSafely(const HttpRequest& request) const;
  HttpResponse Route(const HttpRequest& request) const;
  // Each takes what stands behind the '?'.
  HttpResponse Attribute(const std::string& text) const;
  HttpResponse Connections(const std::string& text) const;
  HttpResponse Recent(const std::string& text) const;
  HttpResponse Sessions(const std::string& text) const;
  HttpResponse SessionEnds(const std::string& text) const;
  HttpResponse CrashPlaces(const std::string& text) const;
  HttpResponse Findings(const std::string& text) const;
  HttpResponse Labels(const std::string& text) const;

  Store* store_;
  std::function<std::string()> metrics_text_;
  HostGuard guard_;
};

}  // namespace whydrop::collector

#endif
