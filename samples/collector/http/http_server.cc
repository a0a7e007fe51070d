#include "samples/collector/http/http_server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>

#include "samples/collector/http/http_connection.h"
#include "samples/collector/http/http_stream.h"
#include "samples/collector/json.h"
#include "samples/collector/log_line.h"

namespace whydrop::collector {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

HttpResponse ErrorResponse(unsigned status, const std::string& message) {
  HttpResponse response;
  response.status = status;
  response.body = "{\"error\":" + JsonString(message) + "}\n";
  return response;
}

HttpResponse TryLater(unsigned status, const std::string& message, int64_t after_s) {
  HttpResponse response = ErrorResponse(status, message);
  response.headers.emplace_back("Retry-After", std::to_string(after_s));
  return response;
}

class HttpServer::Impl {
 public:
  Impl(ConnectionLimits limits, Metrics* metrics) : metrics_(metrics), connections_(std::move(limits)) {
    loops_.push_back(std::make_unique<Loop>());
  }
  ~Impl() {
    // What accepts holds a socket of another loop already.
    listeners_.clear();
    while (!loops_.empty()) loops_.erase(loops_.begin());
  }

  int64_t LoadCertificate(const std::string& chain_file, const std::string& key_file) {
    const std::string wrong = LoadCertificateFiles(chain_file, key_file, &tls_);
    if (!wrong.empty()) throw ServerError(wrong);
    return CertificateEnd(tls_);
  }

  uint16_t Listen(ListenerConfig config) {
    const std::string where = config.address.host + ":" + std::to_string(config.address.port);
    auto listener = std::make_unique<Listener>(&loops_.front()->io, std::move(config));
    const tcp::endpoint endpoint(asio::ip::make_address(listener->config.address.host), listener->config.address.port);
    error_code error;
    listener->acceptor.open(endpoint.protocol(), error);
    if (!error) listener->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) listener->acceptor.bind(endpoint, error);
    if (!error) listener->acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) throw ServerError("cannot listen on " + where + ": " + error.message());
    const uint16_t port = listener->acceptor.local_endpoint().port();
    listeners_.push_back(std::move(listener));
    return port;
  }

  void Start(unsigned threads) {
    while (loops_.size() < threads) loops_.push_back(std::make_unique<Loop>());
    for (const auto& listener : listeners_) Accept(listener.get());
    for (const auto& loop : loops_) loop->thread = std::thread([io = &loop->io] { io->run(); });
    started_ = true;
  }

  size_t Stop(std::chrono::seconds drain) {
    if (!std::exchange(started_, false)) return 0;
    for (const auto& listener : listeners_) {
      asio::post(listener->acceptor.get_executor(), [acceptor = &listener->acceptor] {
        error_code ignored;
        acceptor->close(ignored);
      });
    }
    const size_t left = connections_.StopAll(drain);
    for (const auto& loop : loops_) loop->io.stop();
    for (const auto& loop : loops_) loop->thread.join();
    return left;
  }

  const ConnectionSet& connections() const { return connections_; }

 private:
  // A thread and what it waits for. A connection stays with one of them: threads that share all of them hand each other
  // every step, and wake each other for it.
  struct Loop {
    asio::io_context io{1};
    // A batch that waits for the store is no work of asio's: without this the thread would end before its answer.
    asio::executor_work_guard<asio::io_context::executor_type> until_stop{io.get_executor()};
    std::thread thread;
  };
  struct Listener {
    Listener(asio::io_context* io, ListenerConfig from)
        : config(std::move(from)), acceptor(*io), retry(acceptor.get_executor()) {}
    ListenerConfig config;
    tcp::acceptor acceptor;
    asio::steady_timer retry;
  };

  void Accept(Listener* listener) {
    asio::io_context& in_turn = loops_[accepted_++ % loops_.size()]->io;
    listener->acceptor.async_accept(in_turn, [this, listener](error_code error, tcp::socket socket) {
      if (connections_.stopping() || error == asio::error::operation_aborted) return;
      if (error) return AcceptLater(listener, error);
      Serve(*listener, std::move(socket));
      Accept(listener);
    });
  }

  // Out of descriptors: trying again at once would only burn the processor.
  void AcceptLater(Listener* listener, error_code error) {
    LogWarning("accept", error.message());
    listener->retry.expires_after(std::chrono::milliseconds(100));
    listener->retry.async_wait([this, listener](error_code) { Accept(listener); });
  }

  void Serve(const Listener& listener, tcp::socket socket) {
    // An answer behind the tickets of a handshake would otherwise wait 40 ms for the peer's acknowledgement of those.
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto stream = listener.config.tls ? MakeTlsStream(std::move(socket), tls_) : MakePlainStream(std::move(socket));
    const bool started = ServeConnection(std::move(stream), {&listener.config.handler, &connections_, metrics_});
    if (started) return;
    metrics_->Add(Counter::kRefusedConnections);
    LogWarning("connections", "too many connections, in all or from one address: one was closed");
  }

  Metrics* metrics_;
  ConnectionSet connections_;
  asio::ssl::context tls_{(BoundHandshakes(), asio::ssl::context::tls_server)};
  std::vector<std::unique_ptr<Loop>> loops_;  // the first one accepts
  std::vector<std::unique_ptr<Listener>> listeners_;
  size_t accepted_ = 0;  // used by the first loop only
  bool started_ = false;
};

HttpServer::HttpServer(ConnectionLimits limits, Metrics* metrics)
    : impl_(std::make_unique<Impl>(std::move(limits), metrics)) {}
HttpServer::~HttpServer() { Stop(std::chrono::seconds(0)); }
int64_t HttpServer::LoadCertificate(const std::string& chain_file, const std::string& key_file) {
  return impl_->LoadCertificate(chain_file, key_file);
}
uint16_t HttpServer::Listen(ListenerConfig config) { return impl_->Listen(std::move(config)); }
void HttpServer::Start(unsigned threads) { impl_->Start(threads); }
size_t HttpServer::Stop(std::chrono::seconds drain) { return impl_->Stop(drain); }
size_t HttpServer::open_connections() const { return impl_->connections().size(); }
size_t HttpServer::body_bytes() const { return impl_->connections().body_bytes(); }

}  // namespace whydrop::collector
