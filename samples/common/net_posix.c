/* The samples' sockets on POSIX systems. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net.h"
#include "whydrop/whydrop.h"

static void set_int_option(int descriptor, int level, int name, int value) {
  /* An option that the system lacks only makes a silence longer. */
  (void)setsockopt(descriptor, level, name, &value, sizeof value);
}

static void set_flags(int descriptor, int blocking) {
  int flags = fcntl(descriptor, F_GETFL, 0);
  if (flags >= 0) (void)fcntl(descriptor, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static int open_socket(const struct addrinfo* address) {
  return socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
}

/* Waits for the outcome of a connect that has begun: 0, or an errno. */
static int finish_connect(int descriptor, int timeout_ms) {
  struct pollfd waiting;
  int error = 0;
  socklen_t size = sizeof error;
  memset(&waiting, 0, sizeof waiting);
  waiting.fd = descriptor;
  waiting.events = POLLOUT;
  if (poll(&waiting, 1, timeout_ms) == 0) return ETIMEDOUT;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

static int connect_one(const struct addrinfo* address, int timeout_ms, net_socket* out) {
  int error = 0;
  int descriptor = open_socket(address);
  if (descriptor < 0) return errno;
  set_flags(descriptor, 0);
  if (connect(descriptor, address->ai_addr, address->ai_addrlen) != 0) error = errno;
  if (error == EINPROGRESS) error = finish_connect(descriptor, timeout_ms);
  if (error != 0) {
    (void)close(descriptor);
    return error;
  }
  set_flags(descriptor, 1);
  set_int_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  *out = descriptor;
  return 0;
}

static int resolve(const char* host, const char* port, int flags, struct addrinfo** out) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return getaddrinfo(host, port, &hints, out);
}

net_socket net_connect(const char* host, const char* port, int timeout_ms, net_failure* failure) {
  struct addrinfo* addresses = NULL;
  const struct addrinfo* address;
  net_socket connected = NET_NO_SOCKET;
  failure->operation = WHYDROP_OP_RESOLVE;
  failure->error = resolve(host, port, 0, &addresses);
  if (failure->error != 0) return NET_NO_SOCKET;
  failure->operation = WHYDROP_OP_CONNECT;
  for (address = addresses; address != NULL && connected == NET_NO_SOCKET; address = address->ai_next) {
    failure->error = connect_one(address, timeout_ms, &connected);
  }
  freeaddrinfo(addresses);
  return connected;
}

net_socket net_listen(const char* host, const char* port, int* error) {
  struct addrinfo* addresses = NULL;
  int descriptor;
  if (resolve(host, port, AI_PASSIVE, &addresses) != 0) {
    *error = EADDRNOTAVAIL;
    return NET_NO_SOCKET;
  }
  descriptor = open_socket(addresses);
  if (descriptor >= 0) set_int_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (descriptor < 0 || bind(descriptor, addresses->ai_addr, addresses->ai_addrlen) != 0 ||
      listen(descriptor, SOMAXCONN) != 0) {
    *error = errno;
    if (descriptor >= 0) (void)close(descriptor);
    descriptor = -1;
  } else {
    set_flags(descriptor, 0);
  }
  freeaddrinfo(addresses);
  return descriptor;
}

int net_local_port(net_socket socket) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  if (getsockname((int)socket, (struct sockaddr*)&address, &size) != 0) return 0;
  if (address.ss_family == AF_INET6) return ntohs(((const struct sockaddr_in6*)&address)->sin6_port);
  return ntohs(((const struct sockaddr_in*)&address)->sin_port);
}

net_socket net_accept(net_socket listener) {
  int descriptor = accept4((int)listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) set_int_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  return descriptor;
}

void net_set_nonblocking(net_socket socket) { set_flags((int)socket, 0); }

void net_set_silence_limit(net_socket socket, int limit_ms) {
  int descriptor = (int)socket;
  int third_s = limit_ms / 3000 > 0 ? limit_ms / 3000 : 1;
  set_int_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, limit_ms);
  set_int_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_int_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, third_s);
  set_int_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, third_s);
  set_int_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 2);
}

void net_set_linger_zero(net_socket socket) {
  struct linger now = {1, 0};
  (void)setsockopt((int)socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static long result_of(ssize_t moved, int* error) {
  if (moved >= 0) return (long)moved;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return NET_WOULD_BLOCK;
  *error = errno;
  return NET_FAILED;
}

long net_send(net_socket socket, const void* data, size_t size, int* error) {
  /* MSG_NOSIGNAL: the second send to a closed peer must be EPIPE and not the death of the process. */
  return result_of(send((int)socket, data, size, MSG_NOSIGNAL), error);
}

long net_recv(net_socket socket, void* data, size_t size, int* error) {
  return result_of(recv((int)socket, data, size, 0), error);
}

int net_wait_readable(net_socket socket, int timeout_ms) {
  struct pollfd waiting;
  memset(&waiting, 0, sizeof waiting);
  waiting.fd = (int)socket;
  waiting.events = POLLIN;
  return poll(&waiting, 1, timeout_ms) > 0;
}

size_t net_unread(net_socket socket) {
  int bytes = 0;
  return ioctl((int)socket, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

void net_finish_sending(net_socket socket) { (void)shutdown((int)socket, SHUT_WR); }

void net_close(net_socket socket) { (void)close((int)socket); }
