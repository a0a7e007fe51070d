// libcurl, the one place that knows it. On Linux the library is loaded when the first batch is posted and never linked:
// loading it with its TLS costs 10-30 ms and 8.5 MiB, which a launch without a batch does not pay. Where a system has
// no libcurl of its own the build links one in (WHYDROP_CURL_LINKED), and only its initialisation waits for the first
// batch.
#define CURL_DISABLE_DEPRECATION  // both generations of the protocol option are needed: the loaded library may be older
#include <curl/curl.h>

#include "platform/process.h"
#include "upload/http_transport.h"

namespace whydrop {
namespace {

constexpr int kPollMs = 10;  // how soon a stop is noticed
constexpr long kTls12OrLater = CURL_SSLVERSION_TLSv1_2;

// Takes one function from the library, linked or loaded.
#if defined(WHYDROP_CURL_LINKED)
#define WHYDROP_TAKE(name) ((name = &::curl_##name) != nullptr)
#else
#define WHYDROP_TAKE(name) Find(library, "curl_" #name, &(name))
#endif

// The functions taken from the library. Called by pointer in either case, without the macros that check option types.
struct CurlLibrary {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_perform) multi_perform = nullptr;
  decltype(&::curl_multi_poll) multi_poll = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;

  bool Load() {
#if !defined(WHYDROP_CURL_LINKED)
    static const char* const kNames[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void* library = platform::LoadLibraryByName(kNames, sizeof(kNames) / sizeof(kNames[0]));
    if (library == nullptr) return false;
#endif
    return WHYDROP_TAKE(global_init) && WHYDROP_TAKE(easy_init) && WHYDROP_TAKE(easy_setopt) &&
           WHYDROP_TAKE(easy_getinfo) && WHYDROP_TAKE(easy_strerror) && WHYDROP_TAKE(easy_cleanup) &&
           WHYDROP_TAKE(slist_append) && WHYDROP_TAKE(slist_free_all) && WHYDROP_TAKE(multi_init) &&
           WHYDROP_TAKE(multi_add_handle) && WHYDROP_TAKE(multi_remove_handle) && WHYDROP_TAKE(multi_perform) &&
           WHYDROP_TAKE(multi_poll) && WHYDROP_TAKE(multi_info_read) && WHYDROP_TAKE(multi_cleanup) &&
           global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }

#if !defined(WHYDROP_CURL_LINKED)
 private:
  template <typename Function>
  static bool Find(void* library, const char* name, Function* out) {
    *out = reinterpret_cast<Function>(platform::FindSymbol(library, name));
    return *out != nullptr;
  }
#endif
};

// What arrives; lives as long as its transfer, which after an abort is for ever.
struct Received {
  std::string body;
  bool too_large = false;
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* received = static_cast<Received*>(user);
  const size_t bytes = size * count;
  if (received->body.size() + bytes > kMaxResponseBytes) {
    received->too_large = true;
    return 0;
  }
  received->body.append(data, bytes);
  return bytes;
}

class CurlTransport : public HttpTransport {
 public:
  explicit CurlTransport(const TransportHooks& hooks) : hooks_(hooks) {}

  bool Post(const HttpRequest& request, const std::atomic<bool>& stop, HttpResponse* out) override {
    if (!EnsureLoaded()) {
      out->error = "libcurl 7.66 or later is not there";
      return true;
    }
    Transfer transfer;
    transfer.easy = curl_.easy_init();
    transfer.multi = curl_.multi_init();
    transfer.received = new Received;
    transfer.received->body.reserve(kMaxResponseBytes);  // nothing may be thrown through the library
    CURLcode result = CURLE_FAILED_INIT;
    if (transfer.easy != nullptr && transfer.multi != nullptr && Prepare(request, &transfer)) {
      if (!Run(&transfer, stop, &result)) return false;
      Read(transfer, result, out);
    } else {
      out->error = "libcurl refused an option";
    }
    Release(&transfer);
    return true;
  }

 private:
  struct Transfer {
    CURL* easy = nullptr;
    CURLM* multi = nullptr;
    curl_slist* headers = nullptr;
    Received* received = nullptr;
  };

  bool EnsureLoaded() {
    if (state_ == State::kNew) {
      state_ = curl_.Load() ? State::kLoaded : State::kMissing;
      if (state_ == State::kLoaded && hooks_.after_library_loaded != nullptr) hooks_.after_library_loaded();
    }
    return state_ == State::kLoaded;
  }

  template <typename Value>
  bool Set(CURL* easy, CURLoption option, Value value) {
    return curl_.easy_setopt(easy, option, value) == CURLE_OK;
  }

  bool AddHeader(Transfer* transfer, const char* line) {
    curl_slist* longer = curl_.slist_append(transfer->headers, line);
    if (longer == nullptr) return false;
    transfer->headers = longer;
    return true;
  }

  // Only that one protocol, whatever the library was built with.
  bool SetProtocol(CURL* easy, bool tls) {
#if LIBCURL_VERSION_NUM >= 0x075500
    if (Set(easy, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http")) return true;
#endif
    return Set(easy, CURLOPT_PROTOCOLS, static_cast<long>(tls ? CURLPROTO_HTTPS : CURLPROTO_HTTP));
  }

  // Schannel asks for every certificate's revocation and refuses one whose list cannot be had: of a private authority,
  // or behind a firewall. Other TLS libraries ask for none and do not look at this.
  bool SetRevocation(CURL* easy) {
    return Set(easy, CURLOPT_SSL_OPTIONS, static_cast<long>(CURLSSLOPT_REVOKE_BEST_EFFORT));
  }

  bool Prepare(const HttpRequest& request, Transfer* transfer) {
    CURL* easy = transfer->easy;
    const bool tls = request.url.compare(0, 8, "https://") == 0;
    for (const std::string& header : request.headers) {
      if (!AddHeader(transfer, header.c_str())) return false;
    }
    // Without it the library waits a second for a "100 Continue" before it sends the body.
    if (!AddHeader(transfer, "Expect:")) return false;
    if (!tls && !Set(easy, CURLOPT_PROXY, "")) return false;  // a loopback address is not behind a proxy
    if (!request.ca_file.empty() && !Set(easy, CURLOPT_CAINFO, request.ca_file.c_str())) return false;
    if (!request.ca_file.empty()) (void)Set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    return SetProtocol(easy, tls) && Set(easy, CURLOPT_URL, request.url.c_str()) && Set(easy, CURLOPT_POST, 1L) &&
           Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size())) &&
           Set(easy, CURLOPT_COPYPOSTFIELDS, request.body->data()) &&
           Set(easy, CURLOPT_HTTPHEADER, transfer->headers) &&
           Set(easy, CURLOPT_USERAGENT, "whydrop/" WHYDROP_VERSION_STRING) &&
           Set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeoutMs)) &&
           Set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(kTransferTimeoutMs)) &&
           Set(easy, CURLOPT_SSLVERSION, kTls12OrLater) && Set(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
           Set(easy, CURLOPT_SSL_VERIFYHOST, 2L) && SetRevocation(easy) && Set(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
           Set(easy, CURLOPT_NOSIGNAL, 1L) && Set(easy, CURLOPT_WRITEFUNCTION, &OnBody) &&
           Set(easy, CURLOPT_WRITEDATA, transfer->received) &&
           curl_.multi_add_handle(transfer->multi, easy) == CURLM_OK;
  }

  // False: stopped. The transfer is then left as it is: releasing it could wait for a thread that resolves a name.
  bool Run(Transfer* transfer, const std::atomic<bool>& stop, CURLcode* result) {
    int running = 1;
    while (running != 0) {
      if (stop.load(std::memory_order_relaxed)) return false;
      if (hooks_.while_waiting != nullptr) hooks_.while_waiting(hooks_.user);
      if (curl_.multi_perform(transfer->multi, &running) != CURLM_OK) return true;
      if (running != 0 && curl_.multi_poll(transfer->multi, nullptr, 0, kPollMs, nullptr) != CURLM_OK) return true;
    }
    int left = 0;
    const CURLMsg* message = curl_.multi_info_read(transfer->multi, &left);
    if (message != nullptr && message->msg == CURLMSG_DONE) *result = message->data.result;
    return true;
  }

  void Read(const Transfer& transfer, CURLcode result, HttpResponse* out) {
    const bool too_large = transfer.received->too_large;
    if (result != CURLE_OK && !too_large) {
      out->error = curl_.easy_strerror(result);
      return;
    }
    long status = 0;
    curl_off_t retry_after_s = 0;
    if (curl_.easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status == 0) return;
    if (curl_.easy_getinfo(transfer.easy, CURLINFO_RETRY_AFTER, &retry_after_s) != CURLE_OK) retry_after_s = 0;
    out->answered = true;
    out->status = static_cast<int32_t>(status);
    if (retry_after_s > 0) {
      out->retry_after_s = retry_after_s > INT32_MAX ? uint32_t{INT32_MAX} : static_cast<uint32_t>(retry_after_s);
    }
    if (!too_large) out->body = transfer.received->body;
  }

  void Release(Transfer* transfer) {
    if (transfer->multi != nullptr && transfer->easy != nullptr) {
      curl_.multi_remove_handle(transfer->multi, transfer->easy);  // fails when it was never added, which is fine
    }
    if (transfer->easy != nullptr) curl_.easy_cleanup(transfer->easy);
    if (transfer->multi != nullptr) curl_.multi_cleanup(transfer->multi);
    curl_.slist_free_all(transfer->headers);
    delete transfer->received;
  }

  enum class State { kNew, kLoaded, kMissing };
  State state_ = State::kNew;
  CurlLibrary curl_;
  TransportHooks hooks_;
};

}  // namespace

std::unique_ptr<HttpTransport> MakeCurlTransport(const TransportHooks& hooks) {
  return std::make_unique<CurlTransport>(hooks);
}

}  // namespace whydrop
