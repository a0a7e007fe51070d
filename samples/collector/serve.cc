#include "samples/collector/serve.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "samples/collector/admin/admin_api.h"
#include "samples/collector/admin/question_queue.h"
#include "samples/collector/config/option_table.h"
#include "samples/collector/health.h"
#include "samples/collector/http/stop_signal.h"
#include "samples/collector/ingest/ingest.h"
#include "samples/collector/log_line.h"
#include "samples/collector/process.h"

namespace whydrop::collector {
namespace {

// The store's files, the listeners, and what a connection to an engine takes.
constexpr uint64_t kOtherFiles = 128;
// Questions that wait for those under way; a page asks ten.
constexpr size_t kMaxQuestionsWaiting = 200;

std::string Url(bool tls, const Endpoint& endpoint, uint16_t port) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return std::string(tls ? "https://" : "http://") + (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(port);
}

// At the end, whoever asked a question has so long to take the word that nobody answers it.
constexpr std::chrono::seconds kToldFor{1};
constexpr int64_t kWarnedOfCertificateS = 14 * 86400;

class Service {
 public:
  explicit Service(const Options& options)
      : options_(options),
        health_(options.max_lag_s, UnixSeconds),
        server_({options.max_connections, options.max_connections_per_address, options.trusted_proxies,
                 size_t{options.body_memory_mib} << 20},
                &metrics_),
        admin_server_(ConnectionLimits(), &metrics_),
        questions_(kQuestionsAtOnce, kMaxQuestionsWaiting) {}

  void Run() {
    WarnOfOpenAddresses();
    Listen();
    OpenStoreBehind();
    LogInfo("start", "ready", {{"version", WHYDROP_COLLECTOR_VERSION}});
    signal_.Wait();
    Stop();
  }

 private:
  bool tls() const { return !options_.tls_cert.empty(); }
  bool admin_tls() const { return tls() && !IsLoopback(options_.admin_listen.host); }

  // Both addresses answer before the store is open, so that a balancer sees a start that takes long as what it is.
  void Listen() {
    if (tls()) NoteCertificate(server_.LoadCertificate(options_.tls_cert, options_.tls_key));
    if (admin_tls()) admin_server_.LoadCertificate(options_.tls_cert, options_.tls_key);
    port_ = server_.Listen({options_.listen, tls(), [this](HttpRequest request, const RespondFn& respond) {
                              if (auto answer = health_.Answer(request, Asker::kAnybody))
                                return respond(std::move(*answer));
                              ingest_->Handle(std::move(request), respond);
                            }});
    admin_port_ = admin_server_.Listen(
        {options_.admin_listen, admin_tls(), [this](const HttpRequest& request, const RespondFn& respond) {
           if (auto answer = health_.Answer(request, Asker::kOperator)) return respond(std::move(*answer));
           admin_->Handle(request, respond);
         }});
    RaiseFileLimit(options_.max_connections + kOtherFiles);
    metrics_.Set(Gauge::kStartTime, UnixSeconds());
    server_.Start(options_.threads);
    admin_server_.Start(options_.threads);
  }

  void NoteCertificate(int64_t end_s) {
    metrics_.Set(Gauge::kCertificateEnd, end_s);
    if (end_s - UnixSeconds() > kWarnedOfCertificateS) return;
    LogWarning("certificate", "the certificate has ended, or ends within a fortnight",
               {{"ends_unix_s", std::to_string(end_s)}});
  }

  // What is right on a machine of one's own and hardly ever elsewhere.
  void WarnOfOpenAddresses() {
    if (!IsLoopback(options_.admin_listen.host)) {
      LogWarning("admin", "who reaches the admin address reads everything: it has no password");
    }
    if (!IsLoopback(options_.listen.host) && !tls() && options_.trusted_proxies.empty()) {
      LogWarning("ingest", "reports and keys come in the clear: there is no tls-cert, and no trusted-proxy with one");
    }
  }

  void OpenStoreBehind() {
    StoreSettings settings;
    settings.join_window_s = options_.join_window_s;
    settings.keep_days = options_.keep_days;
    settings.question_limit_s = options_.question_limit_s;
    store_ = OpenStore(options_.store_url, UnixSeconds, &metrics_, settings);
    ingest_ = std::make_unique<Ingest>(options_, store_.get(), UnixSeconds, &metrics_);
    admin_ = std::make_unique<AdminApi>(
        store_.get(), &questions_, [this] { return MetricsText(); }, &metrics_,
        HostGuard(options_.admin_listen.host, options_.admin_hosts));
    health_.StoreIsOpen(store_.get());
    std::printf("listening ingest=%s admin=%s store=%s\n", Url(tls(), options_.listen, port_).c_str(),
                Url(admin_tls(), options_.admin_listen, admin_port_).c_str(),
                WithoutPassword(options_.store_url).c_str());
    std::fflush(stdout);
  }

  void Stop() {
    health_.StopHasBegun();
    LogInfo("stop", "stopping");
    signal_.WaitAgain(std::chrono::seconds(options_.stop_delay_s));
    const auto begun = std::chrono::steady_clock::now();
    const size_t cut = server_.Stop(std::chrono::seconds(options_.drain_s));
    if (cut != 0) LogWarning("drain", "connections were cut at the deadline", {{"count", std::to_string(cut)}});
    // No batch comes any more. Questions may take much longer than anybody waits for an end: the store gives them up, and
    // whoever asked is told so.
    store_->Stop();
    questions_.Stop();
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun);
    admin_server_.Stop(std::max(std::chrono::seconds(options_.drain_s) - passed, kToldFor));
    LogInfo("stop", "everything acknowledged is stored");
  }

  std::string MetricsText() {
    metrics_.Set(Gauge::kReady, health_.WhyNotReady(Asker::kOperator).empty() ? 1 : 0);
    metrics_.Set(Gauge::kLag, health_.LagS());
    metrics_.Set(Gauge::kIngestConnections, static_cast<int64_t>(server_.open_connections()));
    metrics_.Set(Gauge::kAdminConnections, static_cast<int64_t>(admin_server_.open_connections()));
    metrics_.Set(Gauge::kBodyBytes, static_cast<int64_t>(server_.body_bytes()));
    metrics_.Set(Gauge::kResidentBytes, ResidentBytes());
    return metrics_.PrometheusText();
  }

  const Options options_;
  StopSignal signal_;
  Metrics metrics_;
  Health health_;
  // The servers end before what their handlers use.
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<AdminApi> admin_;
  // Two servers, so that neither a flood of uploads nor a long question takes the other's threads and connections.
  HttpServer server_;
  HttpServer admin_server_;
  // Ends before the servers, which its questions answer to.
  QuestionQueue questions_;
  uint16_t port_ = 0;
  uint16_t admin_port_ = 0;
};

}  // namespace

void Serve(const Options& options) {
  // A peer that is gone is an error of one write, never the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  Service(options).Run();
}

void CheckFiles(const Options& options) {
  if (options.tls_cert.empty()) return;
  Metrics metrics;
  HttpServer(ConnectionLimits(), &metrics).LoadCertificate(options.tls_cert, options.tls_key);
}

}  // namespace whydrop::collector
