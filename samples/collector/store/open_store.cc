#include "samples/collector/store/sqlite/store.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

std::unique_ptr<Store> OpenStore(const std::string& url, ClockFn now, Metrics* metrics, const StoreSettings& settings) {
  const size_t colon = url.find(':');
  const std::string scheme = url.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : url.substr(colon + 1);
  if (scheme == "sqlite" && !rest.empty()) {
    return std::make_unique<SqliteStore>(rest, std::move(now), settings, metrics);
  }
  throw StoreError("no engine takes the store URL '" + url + "'; the form is sqlite:PATH");
}

}  // namespace whydrop::collector
