#include "platform/socket_error.h"

#include <cerrno>

#include "whydrop/whydrop.h"

namespace whydrop {
namespace {

ErrorKind ClassifyErrno(int32_t error) {
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

}  // namespace

ErrorKind ClassifySocketError(int32_t operation, int32_t os_error) {
  // getaddrinfo has numbers of its own, some of which look like errno.
  if (operation == WHYDROP_OP_RESOLVE) return os_error == 0 ? ErrorKind::kUnknown : ErrorKind::kNameNotFound;
  const ErrorKind kind = ClassifyErrno(os_error);
  if (operation == WHYDROP_OP_TLS && kind == ErrorKind::kUnknown) return ErrorKind::kTls;
  return kind;
}

}  // namespace whydrop
