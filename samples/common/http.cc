#include "common/http.h"

#include <cstdlib>

#include "common/net.h"

namespace samples {
namespace {

bool SendAll(net_socket socket, const std::string& text) {
  size_t done = 0;
  int error = 0;
  while (done < text.size()) {
    const long sent = net_send(socket, text.data() + done, text.size() - done, &error);
    if (sent <= 0) return false;
    done += static_cast<size_t>(sent);
  }
  return true;
}

// The server closes after its answer, as it was asked to.
std::string ReadAll(net_socket socket, int timeout_ms) {
  std::string text;
  char data[4096];
  int error = 0;
  while (net_wait_readable(socket, timeout_ms) != 0) {
    const long count = net_recv(socket, data, sizeof data, &error);
    if (count <= 0) break;
    text.append(data, static_cast<size_t>(count));
  }
  return text;
}

}  // namespace

HttpAnswer ExchangeHttp(const std::string& port, const std::string& method, const std::string& target,
                        const std::string& headers, const std::string& body, int timeout_ms) {
  HttpAnswer answer;
  net_failure failure{};
  const net_socket socket = net_connect("127.0.0.1", port.c_str(), timeout_ms, &failure);
  if (socket == NET_NO_SOCKET) return answer;
  const std::string request = method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" +
                              headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  const std::string text = SendAll(socket, request) ? ReadAll(socket, timeout_ms) : std::string();
  net_close(socket);
  const size_t space = text.find(' ');
  const size_t end = text.find("\r\n\r\n");
  if (space == std::string::npos || end == std::string::npos) return answer;
  answer.status = std::atoi(text.c_str() + space);
  answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace samples
