// whydrop-collector: takes batches on one address and tells why players drop on another.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "samples/collector/admin/admin_api.h"
#include "samples/collector/config/load.h"
#include "samples/collector/http/http_server.h"
#include "samples/collector/ingest/ingest.h"
#include "samples/collector/log_line.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

int64_t UnixSeconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since).count();
}

std::string Url(bool tls, const Endpoint& endpoint, uint16_t port) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return std::string(tls ? "https://" : "http://") + (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(port);
}

void Run(const Options& options) {
  // A peer that is gone is an error of one write, never the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  Metrics metrics;
  StoreSettings settings;
  settings.join_window_s = options.join_window_s;
  const std::unique_ptr<Store> store = OpenStore(options.store_url, UnixSeconds, &metrics, settings);
  Ingest ingest(options, store.get(), UnixSeconds, &metrics);
  const AdminApi admin(store.get(), &metrics, HostGuard(options.admin_listen.host, options.admin_hosts));
  // Two servers, so that neither a flood of uploads nor a long question takes the other's threads and connections.
  HttpServer server(&metrics);
  HttpServer admin_server(&metrics);
  const bool tls = !options.tls_cert.empty();
  const bool admin_tls = tls && !IsLoopback(options.admin_listen.host);
  if (tls) server.LoadCertificate(options.tls_cert, options.tls_key);
  if (admin_tls) admin_server.LoadCertificate(options.tls_cert, options.tls_key);
  const uint16_t port = server.Listen({options.listen, tls, [&ingest](HttpRequest request, const RespondFn& respond) {
                                         ingest.Handle(std::move(request), respond);
                                       }});
  const uint16_t admin_port = admin_server.Listen(
      {options.admin_listen, admin_tls,
       [&admin](const HttpRequest& request, const RespondFn& respond) { respond(admin.Answer(request)); }});
  server.Start(options.threads);
  admin_server.Start(options.threads);
  std::printf("listening ingest=%s admin=%s store=%s\n", Url(tls, options.listen, port).c_str(),
              Url(admin_tls, options.admin_listen, admin_port).c_str(), WithoutPassword(options.store_url).c_str());
  std::fflush(stdout);
  LogInfo("start", "ready");
  server.WaitForSignal();
  server.Stop();
  admin_server.Stop();
  store->Stop();
  LogInfo("stop", "everything acknowledged is stored");
}

Environment OwnEnvironment() {
  Environment found;
  const std::string prefix = kEnvironmentPrefix;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const size_t equals = text.find('=');
    if (equals == std::string::npos || text.compare(0, prefix.size(), prefix) != 0) continue;
    found.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

void Check(const Loaded& loaded) {
  if (!loaded.options.tls_cert.empty()) {
    Metrics metrics;
    HttpServer(&metrics).LoadCertificate(loaded.options.tls_cert, loaded.options.tls_key);
  }
  std::fputs(EffectiveText(loaded).c_str(), stdout);
}

void Act(const Loaded& loaded) {
  switch (loaded.mode) {
    case Mode::kHelp:
      std::fputs(HelpText(loaded.command).c_str(), stdout);
      return;
    case Mode::kVersion:
      std::puts("whydrop-collector " WHYDROP_COLLECTOR_VERSION);
      return;
    case Mode::kCheck:
      return Check(loaded);
    case Mode::kRun:
      ConfigureLog(loaded.options.log_level, loaded.options.log_format);
      return Run(loaded.options);
  }
}

int Main(const std::vector<std::string>& arguments) {
  try {
    Act(LoadOptions(arguments, OwnEnvironment()));
    return 0;
  } catch (const ConfigError& error) {
    std::fprintf(stderr, "whydrop-collector: %s (see --help)\n", error.what());
    return kExitUsage;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "whydrop-collector: %s\n", failure.what());
    return kExitFailure;
  }
}

}  // namespace
}  // namespace whydrop::collector

int main(int argc, char** argv) { return whydrop::collector::Main(std::vector<std::string>(argv + 1, argv + argc)); }
