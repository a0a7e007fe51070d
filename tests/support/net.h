// TCP sockets on loopback, the same on every system.
#ifndef WHYDROP_TESTS_SUPPORT_NET_H
#define WHYDROP_TESTS_SUPPORT_NET_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace net {

using Socket = intptr_t;
inline constexpr Socket kNoSocket = -1;

// The system's numbers.
extern const int kConnectionReset;
extern const int kConnectionRefused;
extern const int kBrokenPipe;

Socket Listen(uint16_t* port);  // on 127.0.0.1, a free port
Socket Connect(uint16_t port);  // kNoSocket: see LastError
Socket Accept(Socket listener);
void Close(Socket socket);
// Closing resets the connection.
bool ResetOnClose(Socket socket);
bool WaitReadable(Socket socket, int timeout_ms);
// Both as the system's; -1: see LastError.
int Send(Socket socket, const void* data, size_t size);
int Receive(Socket socket, void* data, size_t size);
// As Send, but does not wait for room.
int SendNow(Socket socket, const void* data, size_t size);
int LastError();

// Two connected sockets.
struct Pair {
  uint16_t port = 0;
  Socket listener = kNoSocket, client = kNoSocket, server = kNoSocket;

  Pair() : listener(Listen(&port)), client(Connect(port)), server(Accept(listener)) {}
  ~Pair() {
    for (const Socket end : {listener, client, server}) Close(end);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  bool Open() const { return server != kNoSocket; }
  void CloseServer() {
    Close(server);
    server = kNoSocket;
  }
  void ResetByServer() {
    ResetOnClose(server);
    CloseServer();
  }
  // What the client's receive sees when the end has arrived: 0, or the system's number; -1: nothing came.
  int ReceiveEnd() const {
    char data[4096];
    while (WaitReadable(client, 5000)) {
      const int got = Receive(client, data, sizeof data);
      if (got <= 0) return got == 0 ? 0 : LastError();
    }
    return -1;
  }
};

}  // namespace net

#endif
