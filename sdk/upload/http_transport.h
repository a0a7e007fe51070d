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

// Who owns the thread that a transfer blocks. Either may be nullptr.
struct TransportHooks {
  // Once after libcurl was loaded and initialised: exit hooks registered then run before those of its TLS library.
  void (*after_library_loaded)() = nullptr;
  // At least every 20 ms while a transfer waits for the network.
  void (*while_waiting)(void* user) = nullptr;
  void* user = nullptr;
};

// Loads libcurl at the first Post.
std::unique_ptr<HttpTransport> MakeCurlTransport(const TransportHooks& hooks);
std::unique_ptr<HttpTransport> MakeCallbackTransport(whydrop_transport_fn callback, void* user,
                                                     const TransportHooks& hooks);

}  // namespace whydrop

#endif
