#include "platform/socket_error.h"

#include <winsock2.h>

namespace whydrop {

ErrorKind ClassifyNativeError(int32_t error) {
  switch (error) {
    // Beside Winsock's numbers those of the system for the same, which a completion port tells.
    case WSAECONNRESET:
    case ERROR_NETNAME_DELETED:
    case ERROR_PORT_UNREACHABLE:
      return ErrorKind::kReset;
    case WSAECONNABORTED:
    case ERROR_CONNECTION_ABORTED:
      return ErrorKind::kSoftwareAborted;
    case WSAENETRESET:
      return ErrorKind::kKeepaliveFailed;
    case WSAETIMEDOUT:
    case ERROR_SEM_TIMEOUT:
      return ErrorKind::kTimedOut;
    case WSAEHOSTUNREACH:
    case WSAEHOSTDOWN:
    case ERROR_HOST_UNREACHABLE:
      return ErrorKind::kHostUnreachable;
    case WSAENETUNREACH:
    case ERROR_NETWORK_UNREACHABLE:
      return ErrorKind::kNetUnreachable;
    case WSAENETDOWN:
      return ErrorKind::kNetDown;
    case WSAECONNREFUSED:
    case ERROR_CONNECTION_REFUSED:
      return ErrorKind::kRefused;
    case WSAESHUTDOWN:
      return ErrorKind::kBrokenPipe;
    case WSAEACCES:
      return ErrorKind::kAccessDenied;
    case WSAEMSGSIZE:
      return ErrorKind::kMessageTooLong;
    case WSAENOBUFS:
      return ErrorKind::kNoBuffers;
    case WSAEADDRNOTAVAIL:
      return ErrorKind::kAddressNotAvailable;
    default:
      return ErrorKind::kUnknown;
  }
}

}  // namespace whydrop
