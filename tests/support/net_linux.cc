#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "support/net.h"

namespace net {
namespace {

int System(Socket socket) { return static_cast<int>(socket); }

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

const int kConnectionReset = ECONNRESET;
const int kConnectionRefused = ECONNREFUSED;
const int kBrokenPipe = EPIPE;

Socket Listen(uint16_t* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, plain, size) != 0 || listen(fd, 16) != 0 || getsockname(fd, plain, &size) != 0) return kNoSocket;
  *port = ntohs(address.sin_port);
  return fd;
}

Socket Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return kNoSocket;
}

Socket Accept(Socket listener) { return accept4(System(listener), nullptr, nullptr, SOCK_CLOEXEC); }

void Close(Socket socket) {
  if (socket != kNoSocket) close(System(socket));
}

bool ResetOnClose(Socket socket) {
  const linger now = {1, 0};
  return setsockopt(System(socket), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0;
}

bool WaitReadable(Socket socket, int timeout_ms) {
  pollfd wait = {System(socket), POLLIN, 0};
  return poll(&wait, 1, timeout_ms) > 0;
}

int Send(Socket socket, const void* data, size_t size) {
  return static_cast<int>(send(System(socket), data, size, MSG_NOSIGNAL));
}

int SendNow(Socket socket, const void* data, size_t size) {
  return static_cast<int>(send(System(socket), data, size, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int Receive(Socket socket, void* data, size_t size) { return static_cast<int>(recv(System(socket), data, size, 0)); }

int LastError() { return errno; }

}  // namespace net
