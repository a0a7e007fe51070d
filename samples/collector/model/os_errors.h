// The numbers of socket errors of both systems, whichever one the collector runs on: what they are called, and their
// class.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_OS_ERRORS_H
#define WHYDROP_COLLECTOR_OS_ERRORS_H

#include <cstdint>
#include <string>

#include "core/evidence.h"

namespace whydrop::collector {

enum class OsFamily { kLinux, kWindows };

struct OsError {
  int64_t number;
  const char* name;  // "ECONNRESET", "WSAECONNRESET"
  ErrorKind kind;
};

// nullptr: it is not in the table of that system.
const OsError* FindOsError(OsFamily family, int64_t number);
const OsError* FindOsError(OsFamily family, const std::string& name);

}  // namespace whydrop::collector

#endif
