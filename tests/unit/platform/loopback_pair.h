// Two connected TCP sockets on loopback.
#ifndef WHYDROP_TESTS_UNIT_PLATFORM_LOOPBACK_PAIR_H
#define WHYDROP_TESTS_UNIT_PLATFORM_LOOPBACK_PAIR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct LoopbackPair {
  int client = -1;
  int server = -1;

  bool Open() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    client = socket(AF_INET, SOCK_STREAM, 0);
    const bool ok = bind(listener, plain, size) == 0 && listen(listener, 1) == 0 &&
                    getsockname(listener, plain, &size) == 0 && connect(client, plain, size) == 0;
    server = ok ? accept(listener, nullptr, nullptr) : -1;
    close(listener);
    return server >= 0;
  }
  void ResetByServer() {
    const linger zero = {1, 0};
    setsockopt(server, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
    close(server);
    server = -1;
  }
  ~LoopbackPair() {
    if (client >= 0) close(client);
    if (server >= 0) close(server);
  }
};

#endif
