// The Windows side of socket_error_test.cc: by number, because the documents and the players' logs name the numbers.
#include <doctest/doctest.h>

#include "platform/socket_error.h"
#include "whydrop/whydrop.h"

using whydrop::ClassifySocketError;
using whydrop::ErrorKind;

TEST_CASE("a winsock number has its class, and an unknown one is said to be unknown") {
  const struct {
    int32_t number;
    ErrorKind kind;
  } table[] = {
      {10013, ErrorKind::kAccessDenied},
      {10040, ErrorKind::kMessageTooLong},
      {10049, ErrorKind::kAddressNotAvailable},
      {10050, ErrorKind::kNetDown},
      {10051, ErrorKind::kNetUnreachable},
      {10052, ErrorKind::kKeepaliveFailed},
      {10053, ErrorKind::kSoftwareAborted},
      {10054, ErrorKind::kReset},
      {10055, ErrorKind::kNoBuffers},
      {10058, ErrorKind::kBrokenPipe},
      {10060, ErrorKind::kTimedOut},
      {10061, ErrorKind::kRefused},
      {10064, ErrorKind::kHostUnreachable},
      {10065, ErrorKind::kHostUnreachable},
      // As a completion port tells them.
      {64, ErrorKind::kReset},
      {121, ErrorKind::kTimedOut},
      {1225, ErrorKind::kRefused},
      {1231, ErrorKind::kNetUnreachable},
      {1232, ErrorKind::kHostUnreachable},
      {1234, ErrorKind::kReset},
      {1236, ErrorKind::kSoftwareAborted},
      {0, ErrorKind::kUnknown},
      {104, ErrorKind::kUnknown},
      {10035, ErrorKind::kUnknown},
      {-1, ErrorKind::kUnknown},
  };
  for (const auto& row : table) {
    CAPTURE(row.number);
    CHECK(ClassifySocketError(WHYDROP_OP_RECV, row.number) == row.kind);
    CHECK(ClassifySocketError(WHYDROP_OP_SEND, row.number) == row.kind);
    CHECK(ClassifySocketError(WHYDROP_OP_CONNECT, row.number) == row.kind);
  }
}

TEST_CASE("the numbers of getaddrinfo and of a TLS library are not taken for winsock's") {
  CHECK(ClassifySocketError(WHYDROP_OP_RESOLVE, 11001) == ErrorKind::kNameNotFound);
  CHECK(ClassifySocketError(WHYDROP_OP_RESOLVE, 10054) == ErrorKind::kNameNotFound);
  CHECK(ClassifySocketError(WHYDROP_OP_RESOLVE, 0) == ErrorKind::kUnknown);
  CHECK(ClassifySocketError(WHYDROP_OP_TLS, -2146893048) == ErrorKind::kTls);
  CHECK(ClassifySocketError(WHYDROP_OP_TLS, 10060) == ErrorKind::kTimedOut);
}
