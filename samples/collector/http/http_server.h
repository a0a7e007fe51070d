// HTTP and HTTPS: listeners, limits, time-outs, keep-alive and the orderly end. The rest of the collector sees requests
// and answers as plain values.
//
// Thread rule: Start and Stop from one thread; handlers run on the server's threads, several at once.
#ifndef WHYDROP_COLLECTOR_HTTP_SERVER_H
#define WHYDROP_COLLECTOR_HTTP_SERVER_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/http/address.h"
#include "samples/collector/http/connection_set.h"
#include "samples/collector/metrics.h"

namespace whydrop::collector {

struct HttpRequest {
  std::string method;
  std::string path;
  std::string query;  // behind the '?', still encoded
  std::string host;   // Host, with its port if one stands there
  std::string content_type;
  std::string content_encoding;
  std::string key;            // X-Whydrop-Key
  std::string age;            // X-Whydrop-Age
  std::string forwarded_for;  // X-Forwarded-For, all of its lines
  std::string peer;           // numeric address
  std::string body;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// {"error": message}
HttpResponse ErrorResponse(unsigned status, const std::string& message);
HttpResponse TryLater(unsigned status, const std::string& message, int64_t after_s);  // with Retry-After

// Answers by calling `respond` once, from any thread, now or later.
using RespondFn = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(HttpRequest, RespondFn)>;

struct ListenerConfig {
  Endpoint address;
  bool tls = false;
  HttpHandler handler;
};

// what() is a sentence for the operator: which address or file, and what is wrong with it.
class ServerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class HttpServer {
 public:
  HttpServer(ConnectionLimits limits, Metrics* metrics);
  ~HttpServer();

  // Reads the certificate for listeners with `tls` and returns the unix seconds at which it ends. Throws ServerError.
  int64_t LoadCertificate(const std::string& chain_file, const std::string& key_file);

  // Binds and returns the port, the real one for port 0. Throws ServerError.
  uint16_t Listen(ListenerConfig config);

  void Start(unsigned threads);

  size_t open_connections() const;
  size_t body_bytes() const;  // set aside for the bodies of requests

  // Takes no more connections, closes idle ones and lets requests under way finish. Returns how many were cut at the
  // deadline.
  size_t Stop(std::chrono::seconds drain);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whydrop::collector

#endif
