#include <windows.h>
#include <winsock2.h>

#include "support/net.h"

namespace net {
namespace {

SOCKET System(Socket socket) { return static_cast<SOCKET>(socket); }

SOCKET Make() {
  static const bool ready = [] {
    WSADATA data = {};
    return WSAStartup(MAKEWORD(2, 2), &data) == 0;
  }();
  const SOCKET made = ready ? socket(AF_INET, SOCK_STREAM, 0) : INVALID_SOCKET;
  // No child is to hold a connection open that its parent closes.
  if (made != INVALID_SOCKET) SetHandleInformation(reinterpret_cast<HANDLE>(made), HANDLE_FLAG_INHERIT, 0);
  return made;
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

const int kConnectionReset = WSAECONNRESET;
const int kConnectionRefused = WSAECONNREFUSED;
const int kBrokenPipe = WSAESHUTDOWN;

Socket Listen(uint16_t* port) {
  const SOCKET made = Make();
  sockaddr_in address = Loopback(0);
  int size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (bind(made, plain, size) != 0 || listen(made, 16) != 0 || getsockname(made, plain, &size) != 0) return kNoSocket;
  *port = ntohs(address.sin_port);
  return static_cast<Socket>(made);
}

Socket Connect(uint16_t port) {
  const SOCKET made = Make();
  const sockaddr_in address = Loopback(port);
  if (connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return static_cast<Socket>(made);
  const int error = WSAGetLastError();
  closesocket(made);
  WSASetLastError(error);
  return kNoSocket;
}

Socket Accept(Socket listener) { return static_cast<Socket>(accept(System(listener), nullptr, nullptr)); }

void Close(Socket socket) {
  if (socket != kNoSocket) closesocket(System(socket));
}

bool ResetOnClose(Socket socket) {
  const linger now = {1, 0};
  return setsockopt(System(socket), SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&now), sizeof now) == 0;
}

bool WaitReadable(Socket socket, int timeout_ms) {
  WSAPOLLFD wait = {System(socket), POLLRDNORM, 0};
  return WSAPoll(&wait, 1, timeout_ms) > 0;
}

int Send(Socket socket, const void* data, size_t size) {
  return send(System(socket), static_cast<const char*>(data), static_cast<int>(size), 0);
}

int SendNow(Socket socket, const void* data, size_t size) {
  u_long now = 1;
  ioctlsocket(System(socket), FIONBIO, &now);
  const int sent = Send(socket, data, size);
  const int error = WSAGetLastError();
  now = 0;
  ioctlsocket(System(socket), FIONBIO, &now);
  WSASetLastError(error);
  return sent;
}

int Receive(Socket socket, void* data, size_t size) {
  return recv(System(socket), static_cast<char*>(data), static_cast<int>(size), 0);
}

int LastError() { return WSAGetLastError(); }

}  // namespace net
