#include "platform/socket_error.h"

#include <doctest/doctest.h>
#include <netdb.h>

#include <cerrno>

#include "whydrop/whydrop.h"

using whydrop::ClassifySocketError;
using whydrop::ErrorKind;

TEST_CASE("a native error has its class, and an unknown one is said to be unknown") {
  CHECK(ClassifySocketError(WHYDROP_OP_RECV, ECONNRESET) == ErrorKind::kReset);
  CHECK(ClassifySocketError(WHYDROP_OP_RECV, ECONNABORTED) == ErrorKind::kAborted);
  CHECK(ClassifySocketError(WHYDROP_OP_SEND, EPIPE) == ErrorKind::kBrokenPipe);
  CHECK(ClassifySocketError(WHYDROP_OP_SEND, ENOMEM) == ErrorKind::kNoBuffers);
  CHECK(ClassifySocketError(WHYDROP_OP_RECV, 0) == ErrorKind::kUnknown);
  CHECK(ClassifySocketError(WHYDROP_OP_RECV, 99999) == ErrorKind::kUnknown);
}

TEST_CASE("the numbers of getaddrinfo and of a TLS library are not taken for errno") {
  CHECK(ClassifySocketError(WHYDROP_OP_RESOLVE, EAI_NONAME) == ErrorKind::kNameNotFound);
  CHECK(ClassifySocketError(WHYDROP_OP_RESOLVE, ECONNRESET) == ErrorKind::kNameNotFound);
  CHECK(ClassifySocketError(WHYDROP_OP_TLS, 0) == ErrorKind::kTls);
  CHECK(ClassifySocketError(WHYDROP_OP_TLS, 12345) == ErrorKind::kTls);
  CHECK(ClassifySocketError(WHYDROP_OP_TLS, ETIMEDOUT) == ErrorKind::kTimedOut);
}
