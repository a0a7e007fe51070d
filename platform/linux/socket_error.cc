#include "platform/socket_error.h"

#include <cerrno>

namespace whydrop {

ErrorKind ClassifyNativeError(int32_t error) {
  switch (error) {
    case ECONNRESET:
      return ErrorKind::kReset;
    case ECONNABORTED:
      return ErrorKind::kAborted;
    case ETIMEDOUT:
      return ErrorKind::kTimedOut;
    case EHOSTUNREACH:
    case EHOSTDOWN:
      return ErrorKind::kHostUnreachable;
    case ENETUNREACH:
      return ErrorKind::kNetUnreachable;
    case ENETDOWN:
      return ErrorKind::kNetDown;
    case ECONNREFUSED:
      return ErrorKind::kRefused;
    case EPIPE:
      return ErrorKind::kBrokenPipe;
    case EACCES:
      return ErrorKind::kAccessDenied;
    case EPERM:
      return ErrorKind::kNotPermitted;
    case EMSGSIZE:
      return ErrorKind::kMessageTooLong;
    case ENOBUFS:
    case ENOMEM:
      return ErrorKind::kNoBuffers;
    case EADDRNOTAVAIL:
      return ErrorKind::kAddressNotAvailable;
    default:
      return ErrorKind::kUnknown;
  }
}

}  // namespace whydrop
