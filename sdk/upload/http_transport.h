// One HTTP POST, by libcurl or by the game's own transport.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_UPLOAD_HTTP_TRANSPORT_H
#define WHYDROP_UPLOAD_HTTP_TRANSPORT_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "whydrop/whydrop.h"

namespace whydrop {

inline constexpr uint32_t kConnectTimeoutMs = 10 * 1000;
inline constexpr uint32_t kTransferTimeoutMs = 30 * 1000;
inline constexpr size_t kMaxResponseBytes = 4096;

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string ca_file;               // empty: the system's trust store
  const std::string* body = nullptr;
};

struct HttpResponse {
  bool answered = false;  // a whole answer came in
  int32_t status = 0;
  uint32_t retry_after_s = 0;
  std::string body;   // empty if it was larger than kMaxResponseBytes
  std::string error;  // why there was no answer, for the log
};

class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  // Blocks until the answer, a time-out, or shortly (10 ms) after `stop` became true: then false, and nothing of the
  // transfer may be used or waited for any more.
  virtual bool Post(const HttpRequest& request, const std::atomic<bool>& stop, HttpResponse* out) = 0;
};

// Loads libcurl at the first Post, then calls `after_library_loaded` unless it is nullptr.
std::unique_ptr<HttpTransport> MakeCurlTransport(void (*after_library_loaded)());
std::unique_ptr<HttpTransport> MakeCallbackTransport(whydrop_transport_fn callback, void* user);

}  // namespace whydrop

#endif
