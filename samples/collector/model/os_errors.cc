#include "samples/collector/model/os_errors.h"

#include <algorithm>

namespace whydrop::collector {
namespace {

constexpr OsError kLinuxErrors[] = {
    {1, "EPERM", ErrorKind::kNotPermitted},
    {4, "EINTR", ErrorKind::kUnknown},
    {12, "ENOMEM", ErrorKind::kNoBuffers},
    {13, "EACCES", ErrorKind::kAccessDenied},
    {32, "EPIPE", ErrorKind::kBrokenPipe},
    {90, "EMSGSIZE", ErrorKind::kMessageTooLong},
    {99, "EADDRNOTAVAIL", ErrorKind::kAddressNotAvailable},
    {100, "ENETDOWN", ErrorKind::kNetDown},
    {101, "ENETUNREACH", ErrorKind::kNetUnreachable},
    {102, "ENETRESET", ErrorKind::kUnknown},
    {103, "ECONNABORTED", ErrorKind::kAborted},
    {104, "ECONNRESET", ErrorKind::kReset},
    {105, "ENOBUFS", ErrorKind::kNoBuffers},
    {107, "ENOTCONN", ErrorKind::kUnknown},
    {108, "ESHUTDOWN", ErrorKind::kUnknown},
    {110, "ETIMEDOUT", ErrorKind::kTimedOut},
    {111, "ECONNREFUSED", ErrorKind::kRefused},
    {112, "EHOSTDOWN", ErrorKind::kHostUnreachable},
    {113, "EHOSTUNREACH", ErrorKind::kHostUnreachable},
};
constexpr OsError kWindowsErrors[] = {
    // What a completion port tells instead of Winsock's number.
    {64, "ERROR_NETNAME_DELETED", ErrorKind::kReset},
    {121, "ERROR_SEM_TIMEOUT", ErrorKind::kTimedOut},
    {1225, "ERROR_CONNECTION_REFUSED", ErrorKind::kRefused},
    {1231, "ERROR_NETWORK_UNREACHABLE", ErrorKind::kNetUnreachable},
    {1232, "ERROR_HOST_UNREACHABLE", ErrorKind::kHostUnreachable},
    {1234, "ERROR_PORT_UNREACHABLE", ErrorKind::kReset},
    {1236, "ERROR_CONNECTION_ABORTED", ErrorKind::kSoftwareAborted},
    {10013, "WSAEACCES", ErrorKind::kAccessDenied},
    {10040, "WSAEMSGSIZE", ErrorKind::kMessageTooLong},
    {10049, "WSAEADDRNOTAVAIL", ErrorKind::kAddressNotAvailable},
    {10050, "WSAENETDOWN", ErrorKind::kNetDown},
    {10051, "WSAENETUNREACH", ErrorKind::kNetUnreachable},
    {10052, "WSAENETRESET", ErrorKind::kKeepaliveFailed},
    {10053, "WSAECONNABORTED", ErrorKind::kSoftwareAborted},
    {10054, "WSAECONNRESET", ErrorKind::kReset},
    {10055, "WSAENOBUFS", ErrorKind::kNoBuffers},
    {10057, "WSAENOTCONN", ErrorKind::kUnknown},
    {10058, "WSAESHUTDOWN", ErrorKind::kBrokenPipe},
    {10060, "WSAETIMEDOUT", ErrorKind::kTimedOut},
    {10061, "WSAECONNREFUSED", ErrorKind::kRefused},
    {10064, "WSAEHOSTDOWN", ErrorKind::kHostUnreachable},
    {10065, "WSAEHOSTUNREACH", ErrorKind::kHostUnreachable},
};

template <typename Matches>
const OsError* Find(OsFamily family, const Matches& matches) {
  const bool windows = family == OsFamily::kWindows;
  const OsError* const begin = windows ? std::begin(kWindowsErrors) : std::begin(kLinuxErrors);
  const OsError* const end = windows ? std::end(kWindowsErrors) : std::end(kLinuxErrors);
  const OsError* const found = std::find_if(begin, end, matches);
  return found == end ? nullptr : found;
}

}  // namespace

const OsError* FindOsError(OsFamily family, int64_t number) {
  return Find(family, [number](const OsError& error) { return error.number == number; });
}

const OsError* FindOsError(OsFamily family, const std::string& name) {
  return Find(family, [&name](const OsError& error) { return name == error.name; });
}

}  // namespace whydrop::collector
