#include "platform/socket_error.h"

#include "whydrop/whydrop.h"

namespace whydrop {

ErrorKind ClassifySocketError(int32_t operation, int32_t os_error) {
  // getaddrinfo has numbers of its own, some of which look like a socket's.
  if (operation == WHYDROP_OP_RESOLVE) return os_error == 0 ? ErrorKind::kUnknown : ErrorKind::kNameNotFound;
  const ErrorKind kind = ClassifyNativeError(os_error);
  if (operation == WHYDROP_OP_TLS && kind == ErrorKind::kUnknown) return ErrorKind::kTls;
  return kind;
}

}  // namespace whydrop
