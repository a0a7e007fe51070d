// The game's own transport: asked on a thread of its own, because it may take its time.
#include "platform/worker.h"
#include "upload/http_transport.h"

namespace whydrop {
namespace {

// How often the thread that waits for the game's transport looks whether something is to do.
constexpr uint32_t kLookMs = 20;

// One call into the game, which may take its 30 seconds.
struct Call {
  whydrop_transport_fn callback;
  void* user;
  const whydrop_request* request;
  whydrop_response* answer;

  static void Run(void* self) {
    auto* call = static_cast<Call*>(self);
    call->callback(call->request, call->answer, call->user);
  }
};

class CallbackTransport : public HttpTransport {
 public:
  CallbackTransport(whydrop_transport_fn callback, void* user, const TransportHooks& hooks)
      : callback_(callback), user_(user), hooks_(hooks) {}

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
    Ask({callback_, user_, &for_game, &answer});
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
  // On a thread of its own, so that the signs of life of this one go on; without threads it has to be this one.
  void Ask(Call call) const {
    platform::WorkerThread thread;
    if (!thread.Start("whydrop-post", Call::Run, &call).ok()) return Call::Run(&call);
    // What the call uses lies on this stack, whatever happens meanwhile.
    const struct Finish {
      platform::WorkerThread* thread;
      ~Finish() {
        while (!thread->Join(kLookMs)) continue;
      }
    } finish{&thread};
    while (!thread.Join(kLookMs)) {
      if (hooks_.while_waiting != nullptr) hooks_.while_waiting(hooks_.user);
    }
  }

  whydrop_transport_fn callback_;
  void* user_;
  TransportHooks hooks_;
};

}  // namespace

std::unique_ptr<HttpTransport> MakeCallbackTransport(whydrop_transport_fn callback, void* user,
                                                     const TransportHooks& hooks) {
  return std::make_unique<CallbackTransport>(callback, user, hooks);
}

}  // namespace whydrop
