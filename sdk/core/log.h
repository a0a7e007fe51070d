// Messages to the application's log callback. Only on the worker thread and inside start: recording calls never log.
//
// Thread rule: as the callback's.
#ifndef WHYDROP_CORE_LOG_H
#define WHYDROP_CORE_LOG_H

#include "whydrop/whydrop.h"

namespace whydrop {

enum class LogLevel : int32_t { kError = 1, kWarning = 2, kInfo = 3, kDebug = 4 };

struct Log {
  whydrop_log_fn callback = nullptr;
  void* user = nullptr;

  // printf-style, at most 511 bytes. Silent without a callback.
  void Write(LogLevel level, const char* format, ...) const
#if defined(__GNUC__)
      __attribute__((format(printf, 3, 4)))
#endif
      ;
};

}  // namespace whydrop

#endif
