#include "samples/collector/health.h"

#include <algorithm>

#include "samples/collector/json.h"

namespace whydrop::collector {

int64_t Health::LagS() const {
  Store* const store = store_;
  return store == nullptr ? 0 : std::max<int64_t>(0, now_() - store->Health().complete_until_s);
}

std::string Health::WhyNotReady(Asker asker) const {
  Store* const store = store_;
  if (store == nullptr) return "the store is being opened";
  if (stopping_) return "it is stopping";
  const StoreHealth health = store->Health();
  if (!health.ready) return asker == Asker::kOperator ? health.why_not : "the store takes nothing";
  const int64_t lag_s = LagS();
  if (lag_s <= max_lag_s_) return "";
  const std::string by = asker == Asker::kOperator ? std::to_string(lag_s) + " s " : "";
  return "answers are " + by + "behind what was acknowledged";
}

std::optional<HttpResponse> Health::Answer(const HttpRequest& request, Asker asker) const {
  const bool live = request.path == "/healthz";
  const bool asked = live || request.path == "/readyz";
  if (!asked && store_.load() != nullptr) return std::nullopt;
  if (asked && request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = ErrorResponse(405, "use GET");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  const std::string why_not = live ? "" : WhyNotReady(asker);
  HttpResponse response = why_not.empty() ? HttpResponse() : ErrorResponse(503, why_not);
  if (why_not.empty()) response.body = "{\"status\":\"ok\"}\n";
  if (!asked) response.headers.emplace_back("Retry-After", "10");
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace whydrop::collector
