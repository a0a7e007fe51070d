// A small real HTTP server on 127.0.0.1: one connection at a time, answers by a function.
#ifndef WHYDROP_TESTS_UNIT_UPLOAD_HTTP_SERVER_H
#define WHYDROP_TESTS_UNIT_UPLOAD_HTTP_SERVER_H

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/net.h"

struct Posted {
  std::string head, body;
};

class HttpServer {
 public:
  // What goes back as it stands. "RESET" resets the connection, "SILENCE" keeps it open without a word.
  using Handler = std::function<std::string(const Posted&)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)), listener_(net::Listen(&port_)) {
    REQUIRE(listener_ != net::kNoSocket);
    thread_ = std::thread([this] { Serve(); });
  }
  ~HttpServer() {
    over_ = true;
    thread_.join();
    net::Close(listener_);
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1/batches"; }
  std::vector<Posted> posted() {
    std::lock_guard<std::mutex> hold(mutex_);
    return posted_;
  }
  std::atomic<int> connections{0};

 private:
  bool Readable(net::Socket socket) const {
    while (!over_) {
      if (net::WaitReadable(socket, 20)) return true;
    }
    return false;
  }
  void Serve() {
    while (Readable(listener_)) {
      const net::Socket socket = net::Accept(listener_);
      if (socket == net::kNoSocket) continue;
      ++connections;
      One(socket);
      net::Close(socket);
    }
  }
  void One(net::Socket socket) {
    Posted request;
    std::string bytes;
    char buffer[16384];
    size_t need = std::string::npos;
    while (bytes.size() < need && Readable(socket)) {
      const int count = net::Receive(socket, buffer, sizeof(buffer));
      if (count <= 0) break;
      bytes.append(buffer, static_cast<size_t>(count));
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
      net::ResetOnClose(socket);
    } else if (answer == "SILENCE") {
      Readable(socket);  // until the other side goes away
    } else {
      net::Send(socket, answer.data(), answer.size());
    }
  }

  Handler handler_;
  uint16_t port_ = 0;
  net::Socket listener_;
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
