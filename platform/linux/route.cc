#include "platform/route.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "platform/socket_address.h"

namespace whydrop::platform {
namespace {

constexpr uint16_t kDiscardPort = 9;

int OpenDatagramSocket(const SocketAddress& address) {
  return socket(address.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

}  // namespace

Known IsLocalAddress(const SocketAddress& address) {
  Known present;
  SocketAddress any_port = address;
  any_port.port = 0;
  sockaddr_storage local;
  const socklen_t size = ToSystem(any_port, &local);
  if (size == 0) return present;
  const int fd = OpenDatagramSocket(address);
  if (fd < 0) return present;
  const int error = bind(fd, reinterpret_cast<sockaddr*>(&local), size) == 0 ? 0 : errno;
  close(fd);
  // ENODEV: the device of a link-local address is gone, and the address with it.
  if (error == 0) present.Set(1);
  if (error == EADDRNOTAVAIL || error == ENODEV) present.Set(0);
  return present;
}

Known HasRoute(const SocketAddress& peer) {
  Known present;
  SocketAddress target = peer;
  if (target.port == 0) target.port = kDiscardPort;
  sockaddr_storage address;
  const socklen_t size = ToSystem(target, &address);
  if (size == 0) return present;
  const int fd = OpenDatagramSocket(peer);
  if (fd < 0) return present;
  const int error = connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : errno;
  close(fd);
  switch (error) {
    case 0:
      present.Set(1);
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EACCES:         // a prohibiting route
    case EINVAL:         // a black-hole route
    case EADDRNOTAVAIL:  // a route, but no address of our own that could be used on it
    case ENODEV:
      present.Set(0);
      break;
    default:
      break;
  }
  return present;
}

}  // namespace whydrop::platform
