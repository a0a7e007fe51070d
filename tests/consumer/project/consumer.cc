// A game in C++17, built without exceptions and RTTI, that records from several threads through the installed library.
//
// Usage: consumer_cc DIRECTORY     (an empty directory for its state)
#include <whydrop/whydrop.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 4;
constexpr int kConnectionsPerThread = 500;

std::atomic<int> failures{0};

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "consumer_cc: failed: %s\n", what);
  ++failures;
}

void Play(int thread) {
  whydrop_thread_attach();
  for (int i = 0; i < kConnectionsPerThread; ++i) {
    const std::string token = "thread " + std::to_string(thread) + " connection " + std::to_string(i);
    whydrop_conn_info info{};
    info.struct_size = sizeof info;
    info.protocol = WHYDROP_UDP;
    info.endpoint = "gate-1";
    info.network = "wifi";
    info.token = token.c_str();
    const whydrop_conn conn = whydrop_conn_open(&info);
    whydrop_conn_connected(conn, WHYDROP_NO_SOCKET);
    whydrop_conn_sent(conn, 1200);
    whydrop_conn_rtt(conn, 20000);
    whydrop_heartbeat();
    Check(conn != 0, "a connection opens while the table has room");
    Check(whydrop_conn_close(conn, WHYDROP_CLOSE_LOGOUT) == WHYDROP_CAUSE_LOCAL_CLOSE, "an own close is a local close");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "consumer";
  config.app_version = "1.0";
  config.state_dir = argv[1];
  config.log = [](int32_t level, const char* message, void*) {
    if (level == 1) std::fprintf(stderr, "whydrop: %s\n", message);
  };
  Check(whydrop_start(&config) == WHYDROP_OK, "start");

  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(Play, i);
  for (std::thread& thread : threads) thread.join();

  whydrop_stats stats{};
  stats.struct_size = sizeof stats;
  Check(whydrop_get_stats(&stats) == WHYDROP_OK, "statistics while running");
  Check(stats.recorded > 0, "something was recorded");
  whydrop_note_exit(WHYDROP_EXIT_USER);
  whydrop_stop();
  if (failures == 0) std::puts("consumer_cc: ok");
  return failures == 0 ? 0 : 1;
}
