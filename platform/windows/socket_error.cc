#include "platform/socket_error.h"

#include <winsock2.h>

namespace whydrop {

ErrorKind ClassifyNativeError(int32_t error) {
  switch (error) {
    case WSAECONNRESET:
      return ErrorKind::kReset;
    case WSAECONNABORTED:
      return ErrorKind::kSoftwareAborted;
    case WSAENETRESET:
      return ErrorKind::kKeepaliveFailed;
    case WSAETIMEDOUT:
      return ErrorKind::kTimedOut;
    case WSAEHOSTUNREACH:
    case WSAEHOSTDOWN:
      return ErrorKind::kHostUnreachable;
    case WSAENETUNREACH:
      return ErrorKind::kNetUnreachable;
    case WSAENETDOWN:
      return ErrorKind::kNetDown;
    case WSAECONNREFUSED:
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
