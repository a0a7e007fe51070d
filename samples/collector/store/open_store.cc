#include "samples/collector/store/clickhouse/store.h"
#include "samples/collector/store/sqlite/store.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {
namespace {

std::pair<std::string, std::string> SchemeAndRest(const std::string& url) {
  const size_t colon = url.find(':');
  return {url.substr(0, colon), colon == std::string::npos ? "" : url.substr(colon + 1)};
}

clickhouse::Settings EngineOf(const std::string& url) {
  const auto [scheme, rest] = SchemeAndRest(url);
  if (scheme != "clickhouse") throw StoreError("the store '" + WithoutPassword(url) + "' makes its tables itself");
  return clickhouse::ParseUrl(rest);
}

}  // namespace

std::string WithoutPassword(const std::string& url) {
  // The last one, wherever it stands: a password that is not written as a URL demands may hold anything.
  const size_t at = url.rfind('@');
  if (at == std::string::npos || url.compare(0, 7, "sqlite:") == 0) return url;
  const size_t slashes = url.find("//");
  const size_t begin = slashes < at ? slashes + 2 : url.find(':') + 1;
  return url.substr(0, begin) + url.substr(at + 1);
}

std::unique_ptr<Store> OpenStore(const std::string& url, ClockFn now, Metrics* metrics, const StoreSettings& settings) {
  const auto [scheme, rest] = SchemeAndRest(url);
  if (scheme == "sqlite" && !rest.empty()) {
    return std::make_unique<SqliteStore>(rest, std::move(now), settings, metrics);
  }
  if (scheme == "clickhouse") {
    return std::make_unique<clickhouse::ClickHouseStore>(rest, std::move(now), settings, metrics);
  }
  throw StoreError("no engine takes the store URL '" + WithoutPassword(url) +
                   "'; the forms are sqlite:PATH and clickhouse:http://HOST:PORT/DATABASE");
}

std::string SchemaText(const std::string& url) {
  const clickhouse::Settings settings = EngineOf(url);
  std::string text;
  for (const std::string& statement : clickhouse::SchemaStatements(settings)) text += statement + ";\n";
  return text + clickhouse::VersionStatement(settings) + ";\n";
}

void ApplySchema(const std::string& url) { clickhouse::Cluster(EngineOf(url)).MakeTables(); }

}  // namespace whydrop::collector
