#include "samples/collector/log_line.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <string>

namespace whydrop::collector {
namespace {

void Write(std::string_view level, std::string_view event, std::string_view message, uint64_t left_out) {
  std::string line = "time=" + std::to_string(std::time(nullptr)) + " level=" + std::string(level) +
                     " event=" + std::string(event) + " message=\"";
  for (const char c : message) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
    line += plain ? c : '?';
  }
  line += '"';
  if (left_out != 0) line += " left_out=" + std::to_string(left_out);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

struct Recent {
  std::chrono::steady_clock::time_point said;
  uint64_t left_out = 0;
};

}  // namespace

void LogInfo(std::string_view event, std::string_view message) { Write("info", event, message, 0); }

void LogWarning(std::string_view event, std::string_view message) {
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
  Write("warning", event, message, recent.left_out);
  recent = {now, 0};
}

}  // namespace whydrop::collector
