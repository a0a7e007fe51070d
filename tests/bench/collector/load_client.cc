#include "bench/collector/load_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace whydrop::bench {

ClientTls::ClientTls() : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS);
}

LoadConnection::~LoadConnection() {
  if (ssl_ != nullptr) {
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  if (socket_ >= 0) close(socket_);
}

bool LoadConnection::Open(uint16_t port, const ClientTls* tls) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
  if (tls == nullptr) return true;
  ssl_ = SSL_new(tls->get());
  SSL_set_fd(ssl_, socket_);
  return SSL_connect(ssl_) == 1;
}

bool LoadConnection::Write(const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const char* from = bytes.data() + done;
    const int left = static_cast<int>(bytes.size() - done);
    const int written = ssl_ != nullptr
                            ? SSL_write(ssl_, from, left)
                            : static_cast<int>(send(socket_, from, static_cast<size_t>(left), MSG_NOSIGNAL));
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  return true;
}

int LoadConnection::Read(char* out, int size) {
  return ssl_ != nullptr ? SSL_read(ssl_, out, size)
                         : static_cast<int>(recv(socket_, out, static_cast<size_t>(size), 0));
}

int LoadConnection::Post(const std::string& gzip) {
  const std::string request =
      "POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
      "Content-Encoding: gzip\r\nX-Whydrop-Age: 60\r\nContent-Length: " +
      std::to_string(gzip.size()) + "\r\n\r\n" + gzip;
  if (!Write(request)) return 0;
  std::string answer;
  char chunk[4096];
  for (;;) {
    const int size = Read(chunk, sizeof chunk);
    if (size <= 0) return 0;
    answer.append(chunk, static_cast<size_t>(size));
    const size_t head = answer.find("\r\n\r\n");
    if (head == std::string::npos) continue;
    const size_t length = answer.find("Content-Length: ");
    if (length == std::string::npos || length > head) return 0;
    const size_t body = std::strtoul(answer.c_str() + length + 16, nullptr, 10);
    if (answer.size() >= head + 4 + body) return std::atoi(answer.c_str() + 9);
  }
}

}  // namespace whydrop::bench
