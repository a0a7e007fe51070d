#include "game/options.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>

namespace game {
namespace {

constexpr uint32_t kFlushMs = 60000;

enum class Kind { kUnknown, kFlag, kValue };

Kind KindOf(const std::string& option, const std::string& usage) {
  const size_t at = usage.find(option);
  if (option.size() < 3 || option.compare(0, 2, "--") != 0 || at == std::string::npos) return Kind::kUnknown;
  const size_t end = at + option.size();
  if (std::isalpha(static_cast<unsigned char>(usage[end])) != 0 || usage[end] == '-') return Kind::kUnknown;
  return std::isupper(static_cast<unsigned char>(usage[end + 1])) != 0 ? Kind::kValue : Kind::kFlag;
}

void WHYDROP_CALL PrintWarning(int32_t level, const char* message, void*) {
  if (level <= 2) std::fprintf(stderr, "whydrop: %s\n", message);
}

}  // namespace

Options::Options(int argc, char** argv, const std::string& usage) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const Kind kind = KindOf(option, usage + "  ");
    if (option == "--help" || kind == Kind::kUnknown || (kind == Kind::kValue && i + 1 == argc)) {
      std::fputs(usage.c_str(), option == "--help" ? stdout : stderr);
      std::exit(option == "--help" ? 0 : 2);
    }
    values_[option] = kind == Kind::kValue ? argv[++i] : "";
  }
}

std::string Options::Get(const std::string& name, const std::string& otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second;
}

uint32_t Options::GetNumber(const std::string& name, uint32_t otherwise) const {
  return Has(name) ? static_cast<uint32_t>(std::strtoul(Get(name, "").c_str(), nullptr, 10)) : otherwise;
}

Address SplitAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {text, "0"};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

void StartWhydrop(const Options& options, whydrop_config config) {
  const std::string state_dir = options.Get("--state-dir", "");
  const std::string collector = options.Get("--collector", "");
  const std::string upload_url = collector + "/v1/batches";
  config.app_id = "whydrop-demo";
  config.app_version = "1.0.0";
  config.state_dir = state_dir.empty() ? nullptr : state_dir.c_str();
  config.upload_url = collector.empty() ? nullptr : upload_url.c_str();
  config.log = PrintWarning;
  const whydrop_result result = whydrop_start(&config);
  if (result != WHYDROP_OK) std::fprintf(stderr, "whydrop did not start (%d); the game goes on without it\n", result);
}

int Relaunch() {
  const whydrop_result flushed = whydrop_flush(kFlushMs);
  whydrop_last_session last{};
  last.struct_size = sizeof last;
  if (whydrop_get_last_session(&last) == WHYDROP_OK) {
    std::printf("last session: %s code %u, %u open connections, %llu ms\n", whydrop_cause_name(last.end), last.code,
                last.open_connections, static_cast<unsigned long long>(last.uptime_ms));
  } else {
    std::printf("last session: none\n");
  }
  std::printf("flush: %d\n", flushed);
  return flushed == WHYDROP_OK ? 0 : 1;
}

}  // namespace game
