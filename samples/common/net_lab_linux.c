/* The close lab's sockets on Linux. */
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net_lab.h"

static int is_ipv6(int descriptor) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_INET6;
}

static int set_int(int descriptor, int level, int name, int value) {
  return setsockopt(descriptor, level, name, &value, sizeof value) == 0 ? 0 : errno;
}

static int set_keepalive(int descriptor, int name, int value) {
  int error = set_int(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  return error != 0 ? error : set_int(descriptor, IPPROTO_TCP, name, value);
}

int net_set_option(net_socket socket, enum net_option option, int value) {
  int descriptor = (int)socket;
  int v6 = is_ipv6(descriptor);
  switch (option) {
    case NET_USER_TIMEOUT_MS:
      return set_int(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, value);
    case NET_KEEPALIVE_IDLE_S:
      return set_keepalive(descriptor, TCP_KEEPIDLE, value);
    case NET_KEEPALIVE_BETWEEN_S:
      return set_keepalive(descriptor, TCP_KEEPINTVL, value);
    case NET_KEEPALIVE_PROBES:
      return set_keepalive(descriptor, TCP_KEEPCNT, value);
    case NET_ERROR_QUEUE:
      return set_int(descriptor, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, value);
    case NET_DONT_FRAGMENT:
      if (v6)
        return set_int(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, value ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT);
      return set_int(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, value ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
    case NET_SEND_BUFFER_BYTES:
      return set_int(descriptor, SOL_SOCKET, SO_SNDBUF, value);
  }
  return EINVAL;
}

static struct addrinfo* numeric_address(const char* host, const char* port, int type) {
  struct addrinfo hints;
  struct addrinfo* found = NULL;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = type;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  return getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

static net_socket open_at(const char* host, const char* port, int type, int* error,
                          int (*join)(int, const struct sockaddr*, socklen_t)) {
  struct addrinfo* address = numeric_address(host, port, type);
  int descriptor;
  if (address == NULL) {
    *error = EADDRNOTAVAIL;
    return NET_NO_SOCKET;
  }
  descriptor = socket(address->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  *error = descriptor < 0 ? errno : 0;
  if (descriptor >= 0 && join != NULL && join(descriptor, address->ai_addr, address->ai_addrlen) != 0 &&
      errno != EINPROGRESS) {
    *error = errno;
    (void)close(descriptor);
    descriptor = -1;
  }
  freeaddrinfo(address);
  return descriptor;
}

net_socket net_udp(const char* host, const char* port, int connected, int* error) {
  return open_at(host, port, SOCK_DGRAM, error, connected ? connect : NULL);
}

net_socket net_udp_listen(const char* host, const char* port, int* error) {
  return open_at(host, port, SOCK_DGRAM, error, bind);
}

long net_udp_send_to(net_socket socket, const char* host, const char* port, const void* data, size_t size, int* error) {
  struct addrinfo* address = numeric_address(host, port, SOCK_DGRAM);
  ssize_t sent;
  if (address == NULL) {
    *error = EADDRNOTAVAIL;
    return NET_FAILED;
  }
  sent = sendto((int)socket, data, size, 0, address->ai_addr, address->ai_addrlen);
  if (sent < 0) *error = errno;
  freeaddrinfo(address);
  return sent < 0 ? NET_FAILED : (long)sent;
}

int net_udp_echo(net_socket socket) {
  char data[65536];
  struct sockaddr_storage from;
  socklen_t size = sizeof from;
  ssize_t count;
  int echoed = 0;
  while ((count = recvfrom((int)socket, data, sizeof data, 0, (struct sockaddr*)&from, &size)) >= 0) {
    (void)sendto((int)socket, data, (size_t)count, 0, (struct sockaddr*)&from, size);
    size = sizeof from;
    ++echoed;
  }
  return echoed;
}

net_view net_look(net_socket socket) {
  net_view view = {0, 0, 0};
  struct pollfd query = {(int)socket, POLLRDHUP, 0};
  int bytes = 0;
  if (ioctl((int)socket, SIOCOUTQ, &bytes) == 0) view.unacknowledged = bytes;
  if (ioctl((int)socket, SIOCINQ, &bytes) == 0) view.unread = bytes;
  if (poll(&query, 1, 0) == 1) view.end = (query.revents & (POLLERR | POLLHUP)) != 0 ? 2 : 1;
  return view;
}

int net_take_error(net_socket socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt((int)socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

net_socket net_begin_connect(const char* host, const char* port) {
  int error = 0;
  return open_at(host, port, SOCK_STREAM, &error, connect);
}

void net_set_backlog(net_socket listener, int backlog) { (void)listen((int)listener, backlog); }

const char* net_error_name(int error) {
  const char* name = strerrorname_np(error);
  return name != NULL ? name : "error";
}
