// The bytes of one connection, plain or TLS, behind one small interface: what reads and writes HTTP is compiled once
// and not once for each kind.
//
// Thread rule: on the executor of the socket.
#ifndef WHYDROP_COLLECTOR_HTTP_STREAM_H
#define WHYDROP_COLLECTOR_HTTP_STREAM_H

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace boost::asio::ssl {
class context;
}

namespace whydrop::collector {

class HttpStream {
 public:
  using Done = std::function<void(boost::system::error_code, size_t)>;

  explicit HttpStream(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
  virtual ~HttpStream() = default;

  boost::asio::ip::tcp::socket& Socket() { return socket_; }

  // One operation at a time; `done` keeps the stream and its buffers alive, and may be called before these return.
  // Cancelling the socket's operations ends every one of them.
  virtual void Handshake(Done done) = 0;
  virtual void ReadSome(boost::asio::mutable_buffer buffer, Done done) = 0;
  virtual void WriteAll(boost::asio::const_buffer buffer, Done done) = 0;
  virtual void Shutdown(Done done) = 0;  // says the end of TLS; nothing for a plain stream

 protected:
  void Complete(Done done, boost::system::error_code error, size_t size);

 private:
  boost::asio::ip::tcp::socket socket_;
  int depth_ = 0;  // of operations that were complete at once, each begun by the one before
};

// Bounds what OpenSSL takes for a handshake, for the whole process: before anything else of OpenSSL is used.
void BoundHandshakes();

std::unique_ptr<HttpStream> MakePlainStream(boost::asio::ip::tcp::socket socket);
std::unique_ptr<HttpStream> MakeTlsStream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls);

// Unix seconds at which the certificate that was read stops being valid.
int64_t CertificateEnd(const boost::asio::ssl::context& tls);

// TLS 1.2 or newer. Returns "" or what is wrong with a file, in one sentence that names it.
std::string LoadCertificateFiles(const std::string& chain_file, const std::string& key_file,
                                 boost::asio::ssl::context* tls);

}  // namespace whydrop::collector

#endif
