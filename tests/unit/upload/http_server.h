// A small real HTTP server on 127.0.0.1: one connection at a time, answers by a function; TLS if given a certificate.
#ifndef WHYDROP_TESTS_UNIT_UPLOAD_HTTP_SERVER_H
#define WHYDROP_TESTS_UNIT_UPLOAD_HTTP_SERVER_H

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct Posted {
  std::string head, body;
};

class HttpServer {
 public:
  // What goes back as it stands. "RESET" resets the connection, "SILENCE" keeps it open without a word.
  using Handler = std::function<std::string(const Posted&)>;

  explicit HttpServer(Handler handler, const std::string& cert = "", const std::string& key = "")
      : handler_(std::move(handler)) {
    if (!cert.empty()) {
      context_ = SSL_CTX_new(TLS_server_method());
      REQUIRE(SSL_CTX_use_certificate_file(context_, cert.c_str(), SSL_FILETYPE_PEM) == 1);
      REQUIRE(SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) == 1);
    }
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~HttpServer() {
    over_ = true;
    thread_.join();
    close(listener_);
    SSL_CTX_free(context_);
  }
  std::string Url(const char* scheme = "http") const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port_) + "/v1/batches";
  }
  std::vector<Posted> posted() {
    std::lock_guard<std::mutex> hold(mutex_);
    return posted_;
  }
  std::atomic<int> connections{0};

 private:
  static bool Readable(int fd, const std::atomic<bool>& over) {
    while (!over) {
      pollfd wait = {fd, POLLIN, 0};
      if (poll(&wait, 1, 20) > 0) return true;
    }
    return false;
  }
  void Serve() {
    sigset_t pipe;  // OpenSSL writes to clients that have gone
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (Readable(listener_, over_)) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) continue;
      ++connections;
      One(fd);
      close(fd);
    }
  }
  void One(int fd) {
    SSL* tls = nullptr;
    if (context_ != nullptr) {
      tls = SSL_new(context_);
      SSL_set_fd(tls, fd);
      if (SSL_accept(tls) != 1) {
        SSL_free(tls);
        return;
      }
    }
    Posted request;
    std::string bytes;
    char buffer[16384];
    size_t need = std::string::npos;
    while (bytes.size() < need && (tls != nullptr || Readable(fd, over_))) {
      const auto n = tls != nullptr ? SSL_read(tls, buffer, sizeof(buffer)) : recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      bytes.append(buffer, static_cast<size_t>(n));
      const size_t end = bytes.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      request.head = bytes.substr(0, end + 2);
      const size_t at = request.head.find("Content-Length: ");
      need = end + 4 + (at == std::string::npos ? 0 : std::stoul(request.head.substr(at + 16)));
      request.body = bytes.substr(end + 4);
    }
    const std::string answer = handler_(request);
    {
      std::lock_guard<std::mutex> hold(mutex_);
      posted_.push_back(request);
    }
    if (answer == "RESET") {
      const linger now = {1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    } else if (answer == "SILENCE") {
      Readable(fd, over_);  // until the other side goes away
    } else if (tls != nullptr) {
      SSL_write(tls, answer.data(), static_cast<int>(answer.size()));
    } else {
      send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    if (tls != nullptr) {
      SSL_shutdown(tls);
      SSL_free(tls);
    }
  }

  Handler handler_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::vector<Posted> posted_;
  std::thread thread_;
};

inline std::string HttpAnswer(const std::string& status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

#endif
