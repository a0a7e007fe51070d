#include "samples/collector/log_line.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

using namespace whydrop::collector;

namespace {

// What `write` puts on stderr.
template <typename Function>
std::string Stderr(const Function& write) {
  std::FILE* file = std::tmpfile();
  const int kept = dup(2);
  std::fflush(stderr);
  dup2(fileno(file), 2);
  write();
  std::fflush(stderr);
  dup2(kept, 2);
  close(kept);
  std::rewind(file);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a line of the log is one line whatever its values are") {
  const std::string text = Stderr([] { LogInfo("start", "a\nb\x1b \"q\"", {{"app_id", "x y\""}}); });
  CHECK(Contains(text, " level=info event=start message=\"a?b? ?q?\" app_id=\"x y?\"\n"));
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  const std::string json = Stderr([] { LogInfo("start", "a\nb", {{"app_id", "x\""}}); });
  ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt);
  CHECK(Contains(json, "\"level\":\"info\",\"event\":\"start\",\"message\":\"a\\u000ab\",\"app_id\":\"x\\\"\"}\n"));
}

TEST_CASE("lines below the level are left out, and repeats of a warning are counted instead") {
  CHECK(Stderr([] { LogDebug("d", "x"); }) == "");
  ConfigureLog(LogLevel::kWarning, LogFormat::kLogfmt);
  CHECK(Stderr([] { LogInfo("i", "x"); }) == "");
  const std::string text = Stderr([] {
    for (int i = 0; i < 100; ++i) LogWarning("often", "x");
  });
  ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt);
  CHECK(std::count(text.begin(), text.end(), '\n') <= 2);
  CHECK(Contains(text, "event=often"));
}
