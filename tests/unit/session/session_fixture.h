// What the session's tests share: a fresh state directory, a started session, and its ring read back.
#ifndef WHYDROP_TESTS_SESSION_FIXTURE_H
#define WHYDROP_TESTS_SESSION_FIXTURE_H

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/net.h"
#include "support/test_directory.h"
#include "whydrop/whydrop.h"

namespace whydrop_test {

// In memory, unless another place is named: what a disk is busy with must not be part of what is tested.
class TempDir {
 public:
  explicit TempDir(const std::string& parent = TestDirectory::InMemory()) : directory_(parent) {}
  const std::string& path() const { return directory_.path(); }
  // Files of the app directory whose names end so.
  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.Path("test.game"), ignored)) {
      if (entry.path().extension() == ending) found.push_back(entry.path().generic_u8string());
    }
    return found;
  }
  std::string OnlyRing() const {
    const std::vector<std::string> rings = Files(".ring");
    if (rings.size() != 1) return {};
    std::ifstream in(std::filesystem::u8path(rings[0]), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

 private:
  TestDirectory directory_;
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
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return result;
  }

 private:
  std::string state_dir_;
};

// Denies consent; true when all is erased. Where the worker takes longer than the call waits for it, its work is awaited.
inline bool DenyConsent() {
  const whydrop_result result = whydrop_set_consent(WHYDROP_CONSENT_DENIED);
  return result == WHYDROP_OK || (result == WHYDROP_ERROR_TIMEOUT && whydrop_flush(20000) == WHYDROP_OK);
}

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

// Every recording call, on a connection of whatever session and on one of its own.
inline void CallEverything(whydrop_conn conn) {
  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  info.endpoint = "gate-1";
  info.previous = conn;
  const whydrop_conn opened = whydrop_conn_open(&info);
  for (const whydrop_conn each : {conn, opened}) {
    whydrop_conn_set_token(each, "token");
    whydrop_conn_connected(each, WHYDROP_NO_SOCKET);
    whydrop_conn_sent(each, 100);
    whydrop_conn_received(each, 50);
    whydrop_conn_rtt(each, 20000);
    whydrop_conn_expect_close(each, WHYDROP_CLOSE_LOGOUT);
    whydrop_conn_failed(each, WHYDROP_OP_RECV, net::kConnectionReset);
    whydrop_conn_peer_closed(each);
    whydrop_conn_close(each, WHYDROP_CLOSE_LOGOUT);
  }
  whydrop_heartbeat();
  whydrop_set_tag("map", "forest");
  whydrop_thread_attach();
}

}  // namespace whydrop_test

#endif
