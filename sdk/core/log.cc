#include "core/log.h"

#include <cstdarg>
#include <cstdio>

namespace whydrop {

void Log::Write(LogLevel level, const char* format, ...) const {
  if (callback == nullptr) return;
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  callback(static_cast<int32_t>(level), message, user);
}

}  // namespace whydrop
