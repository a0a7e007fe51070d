// A game in C++17, built without exceptions and RTTI, that records from several threads through the installed library.
//
// Usage: consumer_cc DIRECTORY     (an empty directory for its state)
#include <whydrop/whydrop.hpp>

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
    whydrop::Connection connection(WHYDROP_UDP, "gate-1", token.c_str(), 0, "wifi");
    Check(connection.handle() != 0, "a connection opens while the table has room");
    connection.Connected(WHYDROP_NO_SOCKET);
    connection.Sent(1200);
    connection.Rtt(20000);
    whydrop_heartbeat();
    Check(connection.Close(WHYDROP_CLOSE_LOGOUT) == WHYDROP_CAUSE_LOCAL_CLOSE, "an own close is a local close");
    Check(connection.Close(WHYDROP_CLOSE_LOGOUT) == WHYDROP_CAUSE_UNKNOWN, "a second close does nothing");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  whydrop::Config config;
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
