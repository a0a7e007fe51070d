#include "samples/collector/log_line.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <string>

#include "samples/collector/json.h"

namespace whydrop::collector {
namespace {

std::atomic<LogLevel> least_level{LogLevel::kInfo};
std::atomic<LogFormat> line_format{LogFormat::kLogfmt};

const char* Name(LogLevel level) {
  constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
  return kNames[static_cast<size_t>(level)];
}

// "2026-11-28T13:25:41.123Z"
std::string Now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(ms % 1000));
  return text;
}

// Bytes that could end the value or the line, or move a terminal's cursor, become question marks.
std::string Quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7F;
    text += plain ? c : '?';
  }
  return text + '"';
}

std::string Line(LogLevel level, std::string_view event, std::string_view message, const LogFields& fields,
                 uint64_t left_out) {
  if (line_format.load() == LogFormat::kJson) {
    JsonObject object;
    object.Text("time", Now()).Text("level", Name(level)).Text("event", event).Text("message", message);
    for (const auto& [name, value] : fields) object.Text(name, value);
    if (left_out != 0) object.Number("left_out", left_out);
    return object.Finish() + "\n";
  }
  std::string line =
      "time=" + Now() + " level=" + Name(level) + " event=" + std::string(event) + " message=" + Quoted(message);
  for (const auto& [name, value] : fields) line += " " + std::string(name) + "=" + Quoted(value);
  if (left_out != 0) line += " left_out=" + std::to_string(left_out);
  return line + "\n";
}

void Write(LogLevel level, std::string_view event, std::string_view message, const LogFields& fields,
           uint64_t left_out = 0) {
  if (level < least_level.load()) return;
  const std::string line = Line(level, event, message, fields, left_out);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

struct Recent {
  std::chrono::steady_clock::time_point said;
  uint64_t left_out = 0;
};

void WriteSeldom(LogLevel level, std::string_view event, std::string_view message, const LogFields& fields) {
  static std::mutex mutex;
  static std::map<std::string, Recent, std::less<>> recent_by_event;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto now = std::chrono::steady_clock::now();
  const auto [found, added] = recent_by_event.try_emplace(std::string(event));
  Recent& recent = found->second;
  if (!added && now - recent.said < std::chrono::seconds(1)) {
    ++recent.left_out;
    return;
  }
  Write(level, event, message, fields, recent.left_out);
  recent = {now, 0};
}

}  // namespace

void ConfigureLog(LogLevel level, LogFormat format) {
  least_level = level;
  line_format = format;
}

void LogDebug(std::string_view event, std::string_view message, const LogFields& fields) {
  Write(LogLevel::kDebug, event, message, fields);
}
void LogInfo(std::string_view event, std::string_view message, const LogFields& fields) {
  Write(LogLevel::kInfo, event, message, fields);
}
void LogWarning(std::string_view event, std::string_view message, const LogFields& fields) {
  WriteSeldom(LogLevel::kWarning, event, message, fields);
}
void LogError(std::string_view event, std::string_view message, const LogFields& fields) {
  WriteSeldom(LogLevel::kError, event, message, fields);
}

}  // namespace whydrop::collector
