// The admin address: the JSON interface, the metrics and the page.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_ADMIN_API_H
#define WHYDROP_COLLECTOR_ADMIN_API_H

#include <map>
#include <string>

#include "samples/collector/http/http_server.h"
#include "samples/collector/metrics.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class AdminApi {
 public:
  AdminApi(Store* store, Metrics* metrics) : store_(store), metrics_(metrics) {}

  HttpResponse Answer(const HttpRequest& request) const;

 private:
  using Parameters = std::map<std::string, std::string>;

  HttpResponse Route(const HttpRequest& request) const;
  HttpResponse Attribute(const Parameters& parameters) const;
  HttpResponse Connections(const Parameters& parameters) const;
  HttpResponse Sessions(const Parameters& parameters) const;
  HttpResponse Findings(const Parameters& parameters) const;

  Store* store_;
  Metrics* metrics_;
};

}  // namespace whydrop::collector

#endif
