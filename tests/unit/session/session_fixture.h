// What the session's tests share: a fresh state directory, a started session, and its ring read back.
#ifndef WHYDROP_TESTS_SESSION_FIXTURE_H
#define WHYDROP_TESTS_SESSION_FIXTURE_H

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "whydrop/whydrop.h"

namespace whydrop_test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "whydrop-session-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  // Files of the app directory whose names end so.
  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/test.game", ignored)) {
      if (entry.path().extension() == ending) found.push_back(entry.path().string());
    }
    return found;
  }
  std::string OnlyRing() const {
    const std::vector<std::string> rings = Files(".ring");
    if (rings.size() != 1) return {};
    std::ifstream in(rings[0], std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

 private:
  std::string path_;
};

// Messages to one log callback. Boxes are kept for the life of the process, as the interface asks: the worker may still
// write after stop.
class LogBox {
 public:
  static LogBox* New() {
    static std::deque<LogBox> all;
    return &all.emplace_back();
  }
  void Add(const char* message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    messages_.push_back(message);
  }
  std::vector<std::string> Messages() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return messages_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

struct Started {
  whydrop_config config;
  LogBox* log = LogBox::New();
  whydrop_result result = WHYDROP_ERROR_NOT_STARTED;

  explicit Started(const std::string& state_dir) : state_dir_(state_dir) {
    WHYDROP_CONFIG_INIT(&config);
    config.app_id = "test.game";
    config.app_version = "1.0";
    config.state_dir = state_dir_.c_str();
    config.log = [](int32_t, const char* message, void* user) { static_cast<LogBox*>(user)->Add(message); };
    config.log_user = log;
  }
  ~Started() { whydrop_stop(); }
  // On a busy machine the worker of the session before may still be leaving: tried again for a while.
  whydrop_result Start() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while ((result = whydrop_start(&config)) == WHYDROP_ERROR_ALREADY_STARTED &&
           std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    return result;
  }

 private:
  std::string state_dir_;
};

inline whydrop_conn OpenTcp(const char* endpoint = "gate-1", const char* token = nullptr) {
  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  info.endpoint = endpoint;
  info.token = token;
  return whydrop_conn_open(&info);
}

inline whydrop_stats Stats() {
  whydrop_stats stats = {};
  stats.struct_size = sizeof stats;
  whydrop_get_stats(&stats);
  return stats;
}

}  // namespace whydrop_test

#endif
