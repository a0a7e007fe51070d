#include "samples/collector/http/http_stream.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <new>
#include <stdexcept>

namespace whydrop::collector {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// OpenSSL takes a ClientHello of up to 128 KiB, and the memory for all of it once its first bytes have come: thousands
// of peers that send no more would make it hold gigabytes. An ordinary one has 2 KiB, so while hands are shaken OpenSSL
// gets no block larger than this. Its own chain of certificates must fit too.
constexpr size_t kLargestHandshakeBlock = 48 * 1024;
thread_local bool shakes_hands = false;

void* Allocate(size_t bytes, const char*, int) {
  return shakes_hands && bytes > kLargestHandshakeBlock ? nullptr : std::malloc(bytes);
}

void* Reallocate(void* block, size_t bytes, const char*, int) {
  return shakes_hands && bytes > kLargestHandshakeBlock ? nullptr : std::realloc(block, bytes);
}

void Free(void* block, const char*, int) { std::free(block); }

int ShakeHands(SSL* ssl) {
  shakes_hands = true;
  const int result = SSL_do_handshake(ssl);
  shakes_hands = false;
  return result;
}

class PlainStream : public HttpStream {
 public:
  using HttpStream::HttpStream;
  void Handshake(Done done) override { Complete(std::move(done), {}, 0); }
  void ReadSome(asio::mutable_buffer buffer, Done done) override { Socket().async_read_some(buffer, std::move(done)); }
  void WriteAll(asio::const_buffer buffer, Done done) override { asio::async_write(Socket(), buffer, std::move(done)); }
  void Shutdown(Done done) override { Complete(std::move(done), {}, 0); }
};

// OpenSSL reads and writes the socket itself, and asio only waits for it. asio's own stream of TLS keeps buffers of 17
// KiB for each direction between the two, for as long as a connection is open.
class TlsStream : public HttpStream {
 public:
  TlsStream(tcp::socket socket, asio::ssl::context& tls)
      : HttpStream(std::move(socket)), ssl_(SSL_new(tls.native_handle()), SSL_free) {
    error_code error;
    Socket().native_non_blocking(true, error);
    if (error || ssl_ == nullptr || SSL_set_fd(ssl_.get(), Socket().native_handle()) != 1) throw std::bad_alloc();
    SSL_set_accept_state(ssl_.get());
  }

  void Handshake(Done done) override {
    Begin([ssl = ssl_.get()] { return ShakeHands(ssl); }, std::move(done));
  }
  void ReadSome(asio::mutable_buffer buffer, Done done) override {
    Begin([ssl = ssl_.get(), buffer] { return SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size())); },
          std::move(done));
  }
  void WriteAll(asio::const_buffer buffer, Done done) override {
    Begin([ssl = ssl_.get(), buffer] { return SSL_write(ssl, buffer.data(), static_cast<int>(buffer.size())); },
          std::move(done));
  }
  void Shutdown(Done done) override {
    // 0: our word is said, the peer's has not come yet.
    Begin(
        [ssl = ssl_.get()] {
          const int status = SSL_shutdown(ssl);
          return status == 0 ? SSL_shutdown(ssl) : status;
        },
        std::move(done));
  }

 private:
  struct Step {
    error_code error;
    size_t size = 0;
    bool waits = false;
    tcp::socket::wait_type waits_for = tcp::socket::wait_read;
  };

  // `call` is one of OpenSSL's that says why it did not succeed.
  template <typename Call>
  Step Try(const Call& call) {
    ERR_clear_error();
    errno = 0;
    const int result = call();
    Step step;
    if (result > 0) {
      step.size = static_cast<size_t>(result);
      return step;
    }
    const int system_error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        step.waits = true;
        break;
      case SSL_ERROR_WANT_WRITE:
        step.waits = true;
        step.waits_for = tcp::socket::wait_write;
        break;
      case SSL_ERROR_SSL:
        step.error = error_code(static_cast<int>(ERR_get_error()), asio::error::get_ssl_category());
        break;
      default:
        step.error = asio::error::eof;
        if (system_error != 0) step.error = error_code(system_error, boost::system::system_category());
        break;
    }
    return step;
  }

  template <typename Call>
  void Begin(Call call, Done done) {
    const Step step = Try(call);
    step.waits ? Wait(step, std::move(call), std::move(done)) : Complete(std::move(done), step.error, step.size);
  }

  template <typename Call>
  void Wait(const Step& before, Call call, Done done) {
    Socket().async_wait(before.waits_for, [this, call, done = std::move(done)](error_code error) mutable {
      if (error) return done(error, 0);
      const Step step = Try(call);
      step.waits ? Wait(step, std::move(call), std::move(done)) : done(step.error, step.size);
    });
  }

  const std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

}  // namespace

// A post wakes another thread, which costs more than most operations. But a peer whose bytes are all there already must
// not have the stack grow with every piece of them.
void HttpStream::Complete(Done done, error_code error, size_t size) {
  constexpr int kMaxDepth = 8;
  if (depth_ == kMaxDepth) {
    return asio::post(socket_.get_executor(), [done = std::move(done), error, size] { done(error, size); });
  }
  ++depth_;
  done(error, size);
  --depth_;
}

void BoundHandshakes() {
  static const int bounded = CRYPTO_set_mem_functions(Allocate, Reallocate, Free);
  if (bounded != 1) throw std::logic_error("OpenSSL was used before its memory was bounded");
}

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
  // All that has come is read at once, not the head of a record and then its rest.
  SSL_CTX_set_read_ahead(tls->native_handle(), 1);
  // A key with a password would otherwise stop the start with a question on the terminal.
  tls->set_password_callback([](size_t, asio::ssl::context::password_purpose) { return std::string(); });
  tls->use_certificate_chain_file(chain_file, error);
  if (error) return "cannot read the certificate '" + chain_file + "': " + error.message();
  tls->use_private_key_file(key_file, asio::ssl::context::pem, error);
  if (error) return "cannot read the private key '" + key_file + "': " + error.message();
  return "";
}

}  // namespace whydrop::collector
