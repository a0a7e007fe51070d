
#include "upload/http_transport.h"

namespace whydrop {
namespace {

class CallbackTransport : public HttpTransport {
 public:
  CallbackTransport(whydrop_transport_fn callback, void* user) : callback_(callback), user_(user) {}

  bool Post(const HttpRequest& request, const std::atomic<bool>& stop, HttpResponse* out) override {
    if (stop.load(std::memory_order_relaxed)) return false;
    std::string headers;
    for (const std::string& header : request.headers) headers += header + "\r\n";
    whydrop_request for_game = {};
    for_game.struct_size = sizeof(for_game);
    for_game.timeout_ms = kTransferTimeoutMs;
    for_game.body_bytes = request.body->size();
    for_game.url = request.url.c_str();
    for_game.headers = headers.c_str();
    for_game.body = request.body->data();
    whydrop_response answer = {};
    answer.struct_size = sizeof(answer);
    callback_(&for_game, &answer, user_);
    out->answered = answer.status != 0;
    out->status = answer.status;
    out->retry_after_s = answer.retry_after_s;
    if (!out->answered) out->error = "the application's transport had no answer";
    // A size beyond the array is a bug of the transport: such a body is no acknowledgement.
    if (answer.body_bytes <= sizeof(answer.body)) {
      out->body.assign(reinterpret_cast<const char*>(answer.body), answer.body_bytes);
    }
    return !stop.load(std::memory_order_relaxed) || out->answered;
  }

 private:
  whydrop_transport_fn callback_;
  void* user_;
};

}  // namespace

std::unique_ptr<HttpTransport> MakeCallbackTransport(whydrop_transport_fn callback, void* user) {
  return std::make_unique<CallbackTransport>(callback, user);
}

}  // namespace whydrop
