// The one table from native socket errors to portable classes. Errors of one class mean the same to the rules; the raw
// number is kept beside the class.
//
// Thread rule: pure.
#ifndef WHYDROP_PLATFORM_SOCKET_ERROR_H
#define WHYDROP_PLATFORM_SOCKET_ERROR_H

#include <cstdint>

namespace whydrop {

// Values are those of whydrop.v1.ErrorKind.
enum class ErrorKind : int32_t {
  kUnknown = 0,               // an error whose number was not given or is in no table
  kReset = 1,                 // ECONNRESET, 10054
  kAborted = 2,               // ECONNABORTED on Linux: the system destroyed the socket
  kSoftwareAborted = 3,       // 10053: the peer's close noticed late, or a transmission time-out
  kTimedOut = 4,              // ETIMEDOUT, 10060
  kHostUnreachable = 5,       // EHOSTUNREACH, 10065
  kNetUnreachable = 6,        // ENETUNREACH, 10051
  kNetDown = 7,               // ENETDOWN, 10050
  kKeepaliveFailed = 8,       // 10052
  kRefused = 9,               // ECONNREFUSED, 10061
  kBrokenPipe = 10,           // EPIPE, 10058
  kAccessDenied = 11,         // EACCES, 10013
  kNotPermitted = 12,         // EPERM
  kMessageTooLong = 13,       // EMSGSIZE, 10040
  kNoBuffers = 14,            // ENOBUFS, ENOMEM, 10055
  kAddressNotAvailable = 15,  // EADDRNOTAVAIL, 10049
  kNameNotFound = 16,         // any getaddrinfo failure
  kTls = 17,                  // a failed TLS handshake without a socket error
};

inline constexpr int32_t kMaxErrorKind = 17;

// `operation` is WHYDROP_OP_*: for RESOLVE the number is getaddrinfo's, for TLS an unknown number is kTls.
ErrorKind ClassifySocketError(int32_t operation, int32_t os_error);

// The system's table alone, for a socket's own errors; kUnknown for a number that is not in it.
ErrorKind ClassifyNativeError(int32_t os_error);

}  // namespace whydrop

#endif
