#include "samples/collector/http/http_stream.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <ctime>

namespace whydrop::collector {
namespace {

namespace asio = boost::asio;
using boost::beast::tcp_stream;
using boost::system::error_code;

class PlainStream : public HttpStream {
 public:
  explicit PlainStream(asio::ip::tcp::socket socket) : tcp_(std::move(socket)) {}
  tcp_stream& Tcp() override { return tcp_; }
  void Handshake(Done done) override { done({}, 0); }
  void ReadSome(asio::mutable_buffer buffer, Done done) override { tcp_.async_read_some(buffer, std::move(done)); }
  void WriteAll(asio::const_buffer buffer, Done done) override { asio::async_write(tcp_, buffer, std::move(done)); }
  void Shutdown(Done done) override { done({}, 0); }

 private:
  tcp_stream tcp_;
};

class TlsStream : public HttpStream {
 public:
  TlsStream(asio::ip::tcp::socket socket, asio::ssl::context& tls) : tls_(std::move(socket), tls) {}
  tcp_stream& Tcp() override { return tls_.next_layer(); }
  void Handshake(Done done) override {
    tls_.async_handshake(asio::ssl::stream_base::server,
                         [done = std::move(done)](error_code error) { done(error, 0); });
  }
  void ReadSome(asio::mutable_buffer buffer, Done done) override { tls_.async_read_some(buffer, std::move(done)); }
  void WriteAll(asio::const_buffer buffer, Done done) override { asio::async_write(tls_, buffer, std::move(done)); }
  void Shutdown(Done done) override {
    tls_.async_shutdown([done = std::move(done)](error_code error) { done(error, 0); });
  }

 private:
  asio::ssl::stream<tcp_stream> tls_;
};

}  // namespace

std::unique_ptr<HttpStream> MakePlainStream(asio::ip::tcp::socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

std::unique_ptr<HttpStream> MakeTlsStream(asio::ip::tcp::socket socket, asio::ssl::context& tls) {
  return std::make_unique<TlsStream>(std::move(socket), tls);
}

int64_t CertificateEnd(const asio::ssl::context& tls) {
  const X509* certificate = SSL_CTX_get0_certificate(const_cast<asio::ssl::context&>(tls).native_handle());
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return 0;
  return timegm(&end);
}

std::string LoadCertificateFiles(const std::string& chain_file, const std::string& key_file, asio::ssl::context* tls) {
  error_code error;
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                   asio::ssl::context::no_tlsv1_1);
  // A game uploads once a launch and would not come back with a ticket; making and keeping them costs a tenth of a
  // handshake.
  SSL_CTX_set_num_tickets(tls->native_handle(), 0);
  SSL_CTX_set_session_cache_mode(tls->native_handle(), SSL_SESS_CACHE_OFF);
  // A connection that waits gives its two buffers of 17 KiB back.
  SSL_CTX_set_mode(tls->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  // A key with a password would otherwise stop the start with a question on the terminal.
  tls->set_password_callback([](size_t, asio::ssl::context::password_purpose) { return std::string(); });
  tls->use_certificate_chain_file(chain_file, error);
  if (error) return "cannot read the certificate '" + chain_file + "': " + error.message();
  tls->use_private_key_file(key_file, asio::ssl::context::pem, error);
  if (error) return "cannot read the private key '" + key_file + "': " + error.message();
  return "";
}

}  // namespace whydrop::collector
