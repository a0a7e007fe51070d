#include "samples/collector/http/http_connection.h"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "samples/collector/log_line.h"

namespace whydrop::collector {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kMaxHeaderBytes = 16 * 1024;
// A connection that waits for its next request holds this much, thousands of them at once.
constexpr size_t kHeaderReadBytes = 4 * 1024;
// A body of this size takes no more than that, so it is taken whatever others hold: most clients' reports are smaller.
constexpr size_t kSmallBodyBytes = kHeaderReadBytes;
constexpr size_t kDrainReadBytes = 4 * 1024;
constexpr seconds kHandshakeTimeout(10);
constexpr seconds kIdleTimeout(30);
constexpr seconds kRequestTimeout(30);
constexpr seconds kLingerTimeout(2);

using Message = http::request<http::empty_body>;

std::string Header(const Message& request, beast::string_view name) {
  const auto found = request.find(name);
  return found == request.end() ? "" : std::string(found->value());
}

// All lines of the name as one, the way a list that was sent in several is to be read. What a proxy knows stands in the
// last one, so the first alone would be the sender's own word.
std::string HeaderList(const Message& request, beast::string_view name) {
  std::string list;
  const auto [begin, end] = request.equal_range(name);
  for (auto line = begin; line != end; ++line) list += (line == begin ? "" : ", ") + std::string(line->value());
  return list;
}

// All that is kept of a header: parsed, thousands of short lines take twenty times their bytes.
HttpRequest ToRequest(const Message& message, const std::string& peer) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string::npos) request.query = target.substr(mark + 1);
  request.host = Header(message, "Host");
  request.content_type = Header(message, "Content-Type");
  request.content_encoding = Header(message, "Content-Encoding");
  request.key = Header(message, "X-Whydrop-Key");
  request.age = Header(message, "X-Whydrop-Age");
  request.forwarded_for = HeaderList(message, "X-Forwarded-For");
  request.peer = peer;
  return request;
}

enum class Sends { kBody, kHeadOnly };

std::string ToBytes(const HttpResponse& response, bool keep_alive, Sends sends) {
  std::string bytes = "HTTP/1.1 " + std::to_string(response.status) + ' ' +
                      std::string(http::obsolete_reason(static_cast<http::status>(response.status))) + "\r\n";
  bytes += "Content-Type: " + response.content_type + "\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers) bytes += name + ": " + value + "\r\n";
  bytes += std::string("Connection: ") + (keep_alive ? "keep-alive" : "close") + "\r\n";
  bytes += "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n";
  if (sends == Sends::kBody) bytes += response.body;
  return bytes;
}

class HttpConnection : public OpenConnection, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::unique_ptr<HttpStream> stream, const ConnectionContext& context)
      : context_(context), stream_(std::move(stream)), timer_(stream_->Socket().get_executor()) {}
  ~HttpConnection() override {
    if (added_) context_.connections->Remove(this);
  }

  bool Start() {
    error_code error;
    const auto peer = stream_->Socket().remote_endpoint(error);
    if (error) return true;
    peer_ = peer.address().to_string();
    added_ = context_.connections->Add(this, peer_);
    if (!added_) return false;
    asio::dispatch(Executor(), [self = shared_from_this()] { self->Handshake(); });
    return true;
  }

  void StopSoon() override {
    asio::post(Executor(), [self = shared_from_this()] {
      if (self->idle_) self->CancelAll();
    });
  }
  std::shared_ptr<OpenConnection> Self() override { return weak_from_this().lock(); }

 private:
  boost::asio::ip::tcp::socket::executor_type Executor() { return stream_->Socket().get_executor(); }

  void CancelAll() {
    error_code ignored;
    stream_->Socket().cancel(ignored);
  }

  // What the connection does next ends by then, however it is done. The timer is set again only where it would wake too
  // late: most connections are over before it wakes once.
  void ExpireAfter(seconds time) {
    deadline_ = Clock::now() + time;
    if (deadline_ < wakes_) SetTimer();
  }
  void ExpireNever() { deadline_ = Clock::time_point::max(); }

  void SetTimer() {
    wakes_ = deadline_;
    timer_.expires_at(wakes_);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = error ? nullptr : weak.lock();
      if (self != nullptr) self->OnTimer();
    });
  }

  // A wait that was replaced may have been due already.
  void OnTimer() {
    if (Clock::now() < wakes_) return;
    wakes_ = Clock::time_point::max();
    if (deadline_ == Clock::time_point::max()) return;
    if (Clock::now() < deadline_) return SetTimer();
    expired_ = true;
    // Also what begins only now, between two operations, is to fail.
    error_code ignored;
    stream_->Socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    CancelAll();
  }

  void Handshake() {
    ExpireAfter(kHandshakeTimeout);
    stream_->Handshake([self = shared_from_this()](error_code error, size_t) {
      if (!error) return self->ReadHeader();
      self->context_.metrics->Add(Counter::kHandshakesFailed);
      LogDebug("handshake", error.message());
    });
  }

  void ReadHeader() {
    if (context_.connections->stopping() && buffer_.size() == 0) return Close();
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxBodyBytes);
    // One deadline for the whole header, however slowly its bytes drip in; the body gets another.
    ExpireAfter(kIdleTimeout);
    idle_ = true;
    head_ = false;
    ParseHeader();
  }

  void ParseHeader() {
    error_code error;
    if (buffer_.size() != 0) buffer_.consume(parser_->put(buffer_.data(), error));
    if (error && error != http::error::need_more) return RefuseUnparsed(error);
    if (parser_->is_header_done()) return OnHeader();
    // The parser refuses a header before the buffer is full of it.
    Read(buffer_.prepare(kHeaderReadBytes), [this](size_t size) {
      buffer_.commit(size);
      ParseHeader();
    });
  }

  // `then` is called with the number of bytes that came, unless the connection ends.
  template <typename Then>
  void Read(asio::mutable_buffer where, Then then) {
    stream_->ReadSome(where, [self = shared_from_this(), then](error_code error, size_t size) {
      if (!error) return then(size);
      self->idle_ = false;
      if (self->expired_) self->context_.metrics->Add(Counter::kTimedOut);
    });
  }

  void RefuseUnparsed(error_code error) {
    if (error == http::error::header_limit) return Refuse(431, "the header is larger than 16 KiB");
    if (error == http::error::body_limit) return Refuse(413, "the body is larger than 256 KiB");
    Refuse(400, "this is not HTTP/1.1: " + error.message());
  }

  void OnHeader() {
    idle_ = false;
    const Message& header = parser_->get();
    const bool has_body = header.method() == http::verb::post || header.method() == http::verb::put;
    if ((has_body && !parser_->content_length()) || parser_->chunked()) {
      return Refuse(411, "a Content-Length header is needed");
    }
    const auto body_bytes = static_cast<size_t>(parser_->content_length().value_or(0));
    if (body_bytes > kSmallBodyBytes && !context_.connections->TakeBody(this, body_bytes)) return RefuseBody();
    const bool waits = beast::iequals(header[http::field::expect], "100-continue");
    keep_alive_ = header.keep_alive();
    head_ = header.method() == http::verb::head;
    request_ = ToRequest(header, peer_);
    parser_.reset();
    BeginBody(body_bytes);
    waits ? Send("HTTP/1.1 100 Continue\r\n\r\n", &HttpConnection::ReadBody) : ReadBody();
  }

  void BeginBody(size_t bytes) {
    ExpireAfter(kRequestTimeout);
    request_.body.resize(bytes);
    body_read_ = asio::buffer_copy(asio::buffer(request_.body), buffer_.data());
    buffer_.consume(body_read_);
    // A connection that waits for its next request holds no more than what came of it.
    buffer_.shrink_to_fit();
  }

  void ReadBody() {
    if (body_read_ == request_.body.size()) return Handle();
    Read(asio::buffer(request_.body) + body_read_, [this](size_t size) {
      body_read_ += size;
      ReadBody();
    });
  }

  void Handle() {
    // The store answers from its own thread, once the batch is durable; no time-out cuts that short.
    ExpireNever();
    (*context_.handler)(std::exchange(request_, HttpRequest()), [self = shared_from_this()](HttpResponse response) {
      asio::post(self->Executor(), [self, response = std::move(response)]() mutable { self->Answer(response); });
    });
    // Who waits for the store holds what was made of the body, not the body.
    if (body_read_ > kSmallBodyBytes) context_.connections->GiveBodyBack(this);
  }

  void RefuseBody() {
    context_.metrics->Add(Counter::kRefusedBodies);
    LogWarning("bodies", "the memory for bodies is used up, in all or for one address: an upload was refused");
    RefuseWith(TryLater(503, "too much is being uploaded at the moment; send it again", kRequestTimeout.count()));
  }

  void Refuse(unsigned status, const std::string& message) {
    context_.metrics->Add(Counter::kMalformed);
    RefuseWith(ErrorResponse(status, message));
  }

  void RefuseWith(const HttpResponse& response) {
    idle_ = false;
    keep_alive_ = false;
    refused_ = true;
    parser_.reset();
    Answer(response);
  }

  void Answer(const HttpResponse& response) {
    if (context_.connections->stopping()) keep_alive_ = false;
    ExpireAfter(kRequestTimeout);
    Send(ToBytes(response, keep_alive_, head_ ? Sends::kHeadOnly : Sends::kBody),
         keep_alive_ ? &HttpConnection::ReadHeader : &HttpConnection::Close);
  }

  void Send(std::string bytes, void (HttpConnection::*next)()) {
    sending_ = std::move(bytes);
    stream_->WriteAll(asio::buffer(sending_), [self = shared_from_this(), next](error_code error, size_t) {
      self->sending_ = std::string();
      if (!error) (self.get()->*next)();
    });
  }

  void Close() {
    ExpireAfter(kLingerTimeout);
    stream_->Shutdown([self = shared_from_this()](error_code, size_t) { self->Finish(); });
  }

  // Closing with unread data would reset the connection and could take the answer with it: send our end first, then
  // read what still comes, for a moment.
  void Finish() {
    error_code ignored;
    stream_->Socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    if (!refused_) return;
    ExpireAfter(kLingerTimeout);
    drain_.resize(kDrainReadBytes);
    Drain();
  }

  void Drain() {
    stream_->Socket().async_read_some(asio::buffer(drain_), [self = shared_from_this()](error_code error, size_t n) {
      self->drained_ += n;
      if (!error && self->drained_ < 16 * kMaxBodyBytes) self->Drain();
    });
  }

  const ConnectionContext context_;
  std::unique_ptr<HttpStream> stream_;
  asio::steady_timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();  // max: none
  Clock::time_point wakes_ = Clock::time_point::max();     // the timer, if it is set
  bool expired_ = false;
  std::string peer_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + kHeaderReadBytes};
  std::optional<http::request_parser<http::empty_body>> parser_;
  HttpRequest request_;  // once its header has come
  size_t body_read_ = 0;
  std::string sending_;
  std::vector<char> drain_;
  size_t drained_ = 0;
  bool added_ = false;
  bool idle_ = false;  // waits for a request: may be ended without loss
  bool keep_alive_ = false;
  bool head_ = false;
  bool refused_ = false;
};

}  // namespace

bool ServeConnection(std::unique_ptr<HttpStream> stream, const ConnectionContext& context) {
  return std::make_shared<HttpConnection>(std::move(stream), context)->Start();
}

}  // namespace whydrop::collector
