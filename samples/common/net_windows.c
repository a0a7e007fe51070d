/* The samples' sockets on Windows: what a game client needs. */
#include <limits.h>
#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <mstcpip.h>

#include "common/net.h"
#include "whydrop/whydrop.h"

enum { kMaxRetransmission = 5 }; /* TCP_MAXRT in seconds; not every header has it */

static SOCKET native(net_socket socket) { return (SOCKET)socket; }

static void set_int_option(SOCKET socket, int level, int name, int value) {
  /* An option that the system lacks only makes a silence longer. */
  (void)setsockopt(socket, level, name, (const char*)&value, sizeof value);
}

static void set_blocking(SOCKET socket, int blocking) {
  u_long nonblocking = !blocking;
  (void)ioctlsocket(socket, (long)FIONBIO, &nonblocking);
}

/* Waits for the outcome of a connect that has begun: 0, or an error. */
static int finish_connect(SOCKET socket, int timeout_ms) {
  struct timeval limit;
  fd_set writable, failed;
  int error = 0, size = sizeof error;
  limit.tv_sec = timeout_ms / 1000;
  limit.tv_usec = timeout_ms % 1000 * 1000;
  FD_ZERO(&writable);
  FD_SET(socket, &writable);
  failed = writable; /* a failed connect is told here */
  if (select(0, NULL, &writable, &failed, &limit) == 0) return WSAETIMEDOUT;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, (char*)&error, &size) != 0) return WSAGetLastError();
  return error;
}

static int connect_one(const struct addrinfo* address, int timeout_ms, net_socket* out) {
  int error = 0;
  SOCKET made = WSASocketW(address->ai_family, address->ai_socktype, address->ai_protocol, NULL, 0,
                           WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (made == INVALID_SOCKET) return WSAGetLastError();
  set_blocking(made, 0);
  if (connect(made, address->ai_addr, (int)address->ai_addrlen) != 0) error = WSAGetLastError();
  if (error == WSAEWOULDBLOCK) error = finish_connect(made, timeout_ms);
  if (error != 0) {
    (void)closesocket(made);
    return error;
  }
  set_blocking(made, 1);
  set_int_option(made, IPPROTO_TCP, TCP_NODELAY, 1);
  *out = (net_socket)made;
  return 0;
}

net_socket net_connect(const char* host, const char* port, int timeout_ms, net_failure* failure) {
  struct addrinfo hints, *addresses = NULL;
  const struct addrinfo* address;
  net_socket connected = NET_NO_SOCKET;
  WSADATA started; /* once for each connect, never undone: the system only counts */
  failure->operation = WHYDROP_OP_RESOLVE;
  failure->error = WSAStartup(MAKEWORD(2, 2), &started);
  if (failure->error != 0) return NET_NO_SOCKET;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  failure->error = getaddrinfo(host, port, &hints, &addresses);
  if (failure->error != 0) return NET_NO_SOCKET;
  failure->operation = WHYDROP_OP_CONNECT;
  for (address = addresses; address != NULL && connected == NET_NO_SOCKET; address = address->ai_next) {
    failure->error = connect_one(address, timeout_ms, &connected);
  }
  freeaddrinfo(addresses);
  return connected;
}

void net_set_nonblocking(net_socket socket) { set_blocking(native(socket), 0); }

void net_set_silence_limit(net_socket socket, int limit_ms) {
  struct tcp_keepalive keepalive;
  DWORD size = 0;
  keepalive.onoff = 1;
  keepalive.keepalivetime = keepalive.keepaliveinterval = (ULONG)(limit_ms / 3000 > 0 ? limit_ms / 3 : 1000);
  (void)WSAIoctl(native(socket), SIO_KEEPALIVE_VALS, &keepalive, sizeof keepalive, NULL, 0, &size, NULL, NULL);
  set_int_option(native(socket), IPPROTO_TCP, kMaxRetransmission, limit_ms / 1000 > 0 ? limit_ms / 1000 : 1);
}

/* A game that polls sees a reset as a poll error, which recv need not repeat: Wine reads the socket's error itself and
   then lets recv return 0. */
static int was_reset(net_socket socket) {
  WSAPOLLFD query;
  memset(&query, 0, sizeof query);
  query.fd = native(socket);
  query.events = POLLRDNORM;
  return WSAPoll(&query, 1, 0) > 0 && (query.revents & POLLERR) != 0;
}

static long result_of(int moved, int* error) {
  int failed;
  if (moved >= 0) return moved;
  failed = WSAGetLastError();
  if (failed == WSAEWOULDBLOCK) return NET_WOULD_BLOCK;
  *error = failed;
  return NET_FAILED;
}

static int bounded(size_t size) { return size < INT_MAX ? (int)size : INT_MAX; }

long net_send(net_socket socket, const void* data, size_t size, int* error) {
  return result_of(send(native(socket), data, bounded(size), 0), error);
}

long net_recv(net_socket socket, void* data, size_t size, int* error) {
  int moved = recv(native(socket), data, bounded(size), 0);
  if (moved == 0 && was_reset(socket)) {
    *error = WSAECONNRESET;
    return NET_FAILED;
  }
  return result_of(moved, error);
}

int net_wait_readable(net_socket socket, int timeout_ms) {
  WSAPOLLFD waiting;
  memset(&waiting, 0, sizeof waiting);
  waiting.fd = native(socket);
  waiting.events = POLLRDNORM;
  return WSAPoll(&waiting, 1, timeout_ms) > 0;
}

void net_finish_sending(net_socket socket) { (void)shutdown(native(socket), SD_SEND); }

void net_close(net_socket socket) { (void)closesocket(native(socket)); }
