#include "samples/collector/http_server.h"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "samples/collector/json.h"
#include "samples/collector/log_line.h"

namespace whydrop::collector {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using std::chrono::seconds;

constexpr uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr size_t kMaxConnections = 4096;
constexpr seconds kIdleTimeout(30);
constexpr seconds kRequestTimeout(30);
constexpr seconds kLingerTimeout(2);
constexpr seconds kStopTimeout(10);

std::string Header(const http::request<http::string_body>& request, beast::string_view name) {
  const auto found = request.find(name);
  return found == request.end() ? "" : std::string(found->value());
}

// What can be stopped without knowing which kind of stream it has.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void StopSoon() = 0;
  virtual std::shared_ptr<Connection> Self() = 0;  // nullptr once it is being destroyed
};

// The open connections of all listeners.
class ConnectionSet {
 public:
  bool Add(Connection* connection) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_ || connections_.size() >= kMaxConnections) return false;
    connections_.insert(connection);
    return true;
  }
  void Remove(Connection* connection) {
    const std::lock_guard<std::mutex> lock(mutex_);
    connections_.erase(connection);
    if (connections_.empty()) empty_.notify_all();
  }
  bool stopping() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stopping_;
  }
  void StopAll() {
    std::unique_lock<std::mutex> lock(mutex_);
    stopping_ = true;
    std::vector<std::shared_ptr<Connection>> alive;
    for (Connection* connection : connections_) alive.push_back(connection->Self());
    // Unlocked, because the last reference to a connection takes it out of the set.
    lock.unlock();
    for (const auto& connection : alive) {
      if (connection != nullptr) connection->StopSoon();
    }
    alive.clear();
    lock.lock();
    empty_.wait_for(lock, kStopTimeout, [this] { return connections_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  std::set<Connection*> connections_;
  bool stopping_ = false;
};

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

// One HTTP connection. All of its steps run on the strand of its socket.
template <typename Stream>
class HttpConnection : public Connection, public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  template <typename... Arguments>
  HttpConnection(const HttpHandler* handler, ConnectionSet* connections, tcp::socket socket, Arguments&&... tls)
      : handler_(handler), connections_(connections), stream_(std::move(socket), std::forward<Arguments>(tls)...) {}
  ~HttpConnection() override {
    if (added_) connections_->Remove(this);
  }

  bool Start() {
    beast::error_code error;
    const tcp::endpoint peer = Tcp().socket().remote_endpoint(error);
    if (error) return true;
    peer_ = peer.address().to_string();
    added_ = connections_->Add(this);
    if (!added_) return false;
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->Handshake(); });
    return true;
  }

  void StopSoon() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      if (self->idle_) self->Tcp().cancel();
    });
  }
  std::shared_ptr<Connection> Self() override { return this->weak_from_this().lock(); }

 private:
  beast::tcp_stream& Tcp() { return beast::get_lowest_layer(stream_); }

  void Handshake() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      Tcp().expires_after(kRequestTimeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](beast::error_code error) {
                                if (!error) self->ReadHeader();
                              });
    } else {
      ReadHeader();
    }
  }

  void ReadHeader() {
    if (connections_->stopping() && buffer_.size() == 0) return Close();
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxBodyBytes);
    Tcp().expires_after(kIdleTimeout);
    idle_ = true;
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](beast::error_code error, size_t) {
                              self->idle_ = false;
                              self->OnHeader(error);
                            });
  }

  void OnHeader(beast::error_code error) {
    if (error == http::error::header_limit) return Refuse(431, "the header is larger than 16 KiB");
    if (error == http::error::body_limit) return Refuse(413, kTooLarge);
    if (error == http::error::end_of_stream) return Close();
    if (error && error.category() == http::make_error_code(http::error::bad_version).category()) {
      return Refuse(400, "this is not HTTP/1.1: " + error.message());
    }
    if (error) return;
    const auto& request = parser_->get();
    const bool has_body = request.method() == http::verb::post || request.method() == http::verb::put;
    if (has_body && !parser_->content_length()) return Refuse(411, "a Content-Length header is needed");
    if (parser_->content_length().value_or(0) > kMaxBodyBytes) return Refuse(413, kTooLarge);
    Tcp().expires_after(kRequestTimeout);
    if (beast::iequals(request[http::field::expect], "100-continue")) return Continue();
    ReadBody();
  }

  void Continue() {
    continue_.emplace(http::status::continue_, 11);
    http::async_write(stream_, *continue_, [self = this->shared_from_this()](beast::error_code error, size_t) {
      if (!error) self->ReadBody();
    });
  }

  void ReadBody() {
    http::async_read(stream_, buffer_, *parser_, [self = this->shared_from_this()](beast::error_code error, size_t) {
      if (error == http::error::body_limit) return self->Refuse(413, kTooLarge);
      if (!error) self->Handle();
    });
  }

  void Handle() {
    http::request<http::string_body> message = parser_->release();
    keep_alive_ = message.keep_alive();
    head_ = message.method() == http::verb::head;
    HttpRequest request;
    request.method = std::string(message.method_string());
    const std::string target(message.target());
    const size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.content_type = Header(message, "Content-Type");
    request.content_encoding = Header(message, "Content-Encoding");
    request.key = Header(message, "X-Whydrop-Key");
    request.age = Header(message, "X-Whydrop-Age");
    request.forwarded_for = Header(message, "X-Forwarded-For");
    request.peer = peer_;
    request.body = std::move(message.body());
    // The store answers from its own thread, once the batch is durable; no time-out cuts that short.
    Tcp().expires_never();
    (*handler_)(std::move(request), [self = this->shared_from_this()](HttpResponse response) {
      asio::post(self->stream_.get_executor(),
                 [self, response = std::move(response)]() mutable { self->Write(std::move(response)); });
    });
  }

  void Refuse(unsigned status, const std::string& message) {
    keep_alive_ = false;
    refused_ = true;
    Write(ErrorResponse(status, message));
  }

  void Write(HttpResponse from) {
    if (connections_->stopping()) keep_alive_ = false;
    response_.emplace(static_cast<http::status>(from.status), 11);
    response_->set(http::field::content_type, from.content_type);
    response_->set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : from.headers) response_->set(name, value);
    response_->keep_alive(keep_alive_);
    response_->body() = std::move(from.body);
    response_->prepare_payload();
    if (head_) response_->body().clear();
    Tcp().expires_after(kRequestTimeout);
    http::async_write(stream_, *response_, [self = this->shared_from_this()](beast::error_code error, size_t) {
      if (error) return;
      self->keep_alive_ ? self->ReadHeader() : self->Close();
    });
  }

  void Close() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      Tcp().expires_after(kLingerTimeout);
      stream_.async_shutdown([self = this->shared_from_this()](beast::error_code) { self->Finish(); });
    } else {
      Finish();
    }
  }

  // Closing with unread data would reset the connection and could take the answer with it: send our end first, then
  // read what still comes, for a moment.
  void Finish() {
    beast::error_code ignored;
    Tcp().socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (!refused_) return;
    Tcp().expires_after(kLingerTimeout);
    Drain();
  }

  void Drain() {
    Tcp().async_read_some(asio::buffer(drain_),
                          [self = this->shared_from_this()](beast::error_code error, size_t size) {
                            self->drained_ += size;
                            if (!error && self->drained_ < 16 * kMaxBodyBytes) self->Drain();
                          });
  }

  static constexpr const char* kTooLarge = "the body is larger than 256 KiB";

  const HttpHandler* handler_;
  ConnectionSet* connections_;
  Stream stream_;
  std::string peer_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + kMaxBodyBytes};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::empty_body>> continue_;
  std::optional<http::response<http::string_body>> response_;
  std::array<char, 4096> drain_;
  size_t drained_ = 0;
  bool added_ = false;
  bool idle_ = false;
  bool keep_alive_ = false;
  bool head_ = false;
  bool refused_ = false;
};

}  // namespace

HttpResponse ErrorResponse(unsigned status, const std::string& message) {
  HttpResponse response;
  response.status = status;
  response.body = "{\"error\":" + JsonString(message) + "}\n";
  return response;
}

class HttpServer::Impl {
 public:
  explicit Impl(Metrics* metrics) : metrics_(metrics) {}

  void LoadCertificate(const std::string& chain_file, const std::string& key_file) {
    boost::system::error_code error;
    tls_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
    tls_.use_certificate_chain_file(chain_file, error);
    if (error) throw ServerError("cannot read the certificate '" + chain_file + "': " + error.message());
    tls_.use_private_key_file(key_file, asio::ssl::context::pem, error);
    if (error) throw ServerError("cannot read the private key '" + key_file + "': " + error.message());
  }

  uint16_t Listen(ListenerConfig config) {
    const std::string where = config.address.host + ":" + std::to_string(config.address.port);
    auto listener = std::make_unique<Listener>(io_, std::move(config));
    const tcp::endpoint endpoint(asio::ip::make_address(listener->config.address.host), listener->config.address.port);
    boost::system::error_code error;
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
    signals_.async_wait([](const boost::system::error_code&, int) {});
    for (const auto& listener : listeners_) Accept(listener.get());
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { io_.run(); });
  }

  void WaitForSignal() { signal_io_.run(); }

  void Stop() {
    if (threads_.empty()) return;
    asio::post(io_, [this] {
      boost::system::error_code ignored;
      for (const auto& listener : listeners_) listener->acceptor.close(ignored);
    });
    connections_.StopAll();
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  struct Listener {
    Listener(asio::io_context& io, ListenerConfig from)
        : config(std::move(from)), acceptor(asio::make_strand(io)), retry(io) {}
    ListenerConfig config;
    tcp::acceptor acceptor;
    asio::steady_timer retry;
  };

  void Accept(Listener* listener) {
    listener->acceptor.async_accept(asio::make_strand(io_),
                                    [this, listener](beast::error_code error, tcp::socket socket) {
                                      if (connections_.stopping() || error == asio::error::operation_aborted) return;
                                      if (error) return AcceptLater(listener, error);
                                      Serve(*listener, std::move(socket));
                                      Accept(listener);
                                    });
  }

  // Out of descriptors: trying again at once would only burn the processor.
  void AcceptLater(Listener* listener, beast::error_code error) {
    LogWarning("accept", error.message());
    listener->retry.expires_after(std::chrono::milliseconds(100));
    listener->retry.async_wait([this, listener](beast::error_code) { Accept(listener); });
  }

  void Serve(const Listener& listener, tcp::socket socket) {
    const HttpHandler* handler = &listener.config.handler;
    const bool started =
        listener.config.tls
            ? std::make_shared<HttpConnection<TlsStream>>(handler, &connections_, std::move(socket), tls_)->Start()
            : std::make_shared<HttpConnection<PlainStream>>(handler, &connections_, std::move(socket))->Start();
    if (started) return;
    metrics_->Add(Counter::kRefusedConnections);
    LogWarning("connections", "too many connections, one was closed");
  }

  Metrics* metrics_;
  ConnectionSet connections_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  asio::io_context io_;
  asio::io_context signal_io_;
  asio::signal_set signals_{signal_io_, SIGTERM, SIGINT};
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::thread> threads_;
};

HttpServer::HttpServer(Metrics* metrics) : impl_(std::make_unique<Impl>(metrics)) {}
HttpServer::~HttpServer() { Stop(); }
void HttpServer::LoadCertificate(const std::string& chain_file, const std::string& key_file) {
  impl_->LoadCertificate(chain_file, key_file);
}
uint16_t HttpServer::Listen(ListenerConfig config) { return impl_->Listen(std::move(config)); }
void HttpServer::Start(unsigned threads) { impl_->Start(threads); }
void HttpServer::Stop() { impl_->Stop(); }

void HttpServer::WaitForSignal() { impl_->WaitForSignal(); }

}  // namespace whydrop::collector
