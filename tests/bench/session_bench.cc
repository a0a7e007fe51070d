// What the session costs the game: counters and heartbeat, the start call against its floor, resident memory. Ratios of
// one run; the floor is what no design of this kind can avoid, written here by hand.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "whydrop/whydrop.h"

namespace {

uint64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <typename Call>
double NsPerCall(Call call) {
  constexpr int kCalls = 2000000;
  std::vector<double> runs;
  for (int run = 0; run < 5; ++run) {
    const uint64_t start = NowNs();
    for (int i = 0; i < kCalls; ++i) call();
    runs.push_back(static_cast<double>(NowNs() - start) / kCalls);
  }
  return Median(runs);
}

struct MemoryKib {
  uint64_t resident = 0;
  uint64_t written = 0;  // of it, which no other program can share
};

MemoryKib ResidentMemory() {
  MemoryKib memory;
  std::FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  if (file == nullptr) return memory;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    unsigned long long kib = 0;
    if (std::sscanf(line, "Rss: %llu", &kib) == 1) memory.resident = kib;
    if (std::sscanf(line, "Private_Dirty: %llu", &kib) == 1) memory.written = kib;
  }
  std::fclose(file);
  return memory;
}

// Open, allocate and map a ring's file, an alternate stack, seven handlers.
double FloorUs(const std::string& path) {
  const uint64_t start = NowNs();
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || posix_fallocate(file, 0, 256 * 1024) != 0) std::abort();
  void* ring = mmap(nullptr, 256 * 1024, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  void* stack = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (ring == MAP_FAILED || stack == MAP_FAILED) std::abort();
  std::memset(ring, 1, 4096);
  stack_t alternate = {}, old = {};
  alternate.ss_sp = stack;
  alternate.ss_size = 65536;
  sigaltstack(&alternate, &old);
  const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
  struct sigaction before[7];
  for (int i = 0; i < 7; ++i) {
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signals[i], &action, &before[i]);
  }
  const double us = static_cast<double>(NowNs() - start) / 1000;
  for (int i = 0; i < 7; ++i) sigaction(signals[i], &before[i], nullptr);
  sigaltstack(&old, nullptr);
  munmap(ring, 256 * 1024);
  munmap(stack, 65536);
  close(file);
  return us;
}

}  // namespace

int main() {
  std::string dir = (std::filesystem::temp_directory_path() / "whydrop-bench-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) return 1;
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "bench";
  config.app_version = "1";
  config.state_dir = dir.c_str();

  std::vector<double> floor_us, start_us;
  ResidentMemory();  // what reading costs is there before
  const MemoryKib before = ResidentMemory();
  MemoryKib after;
  for (int i = 0; i < 21; ++i) {
    floor_us.push_back(FloorUs(dir + "/floor" + std::to_string(i)));
    uint64_t start = NowNs();
    whydrop_result result = whydrop_start(&config);
    // On a busy machine the worker of the round before may not be gone yet.
    while (result == WHYDROP_ERROR_ALREADY_STARTED) {
      start = NowNs();
      result = whydrop_start(&config);
    }
    start_us.push_back(static_cast<double>(NowNs() - start) / 1000);
    if (result != WHYDROP_OK) return 1;
    whydrop_flush(10000);
    if (i == 0) after = ResidentMemory();
    if (i != 20) whydrop_stop();
  }
  std::printf("start: %.0f us, floor %.0f us, ratio %.2f (first %.0f us)\n", Median(start_us), Median(floor_us),
              Median(start_us) / Median(floor_us), start_us[0]);
  std::printf("resident memory of the first session: %llu KiB, of them written %llu KiB, ring 256 KiB\n",
              static_cast<unsigned long long>(after.resident - before.resident),
              static_cast<unsigned long long>(after.written - before.written));

  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  info.endpoint = "gate-1";
  const whydrop_conn conn = whydrop_conn_open(&info);
  const double clock_ns = NsPerCall([] {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  });
  std::atomic<uint64_t> bare{0};
  const double add_ns = NsPerCall([&bare] { bare.fetch_add(100, std::memory_order_relaxed); });
  const double sent_ns = NsPerCall([conn] { whydrop_conn_sent(conn, 100); });
  const double received_ns = NsPerCall([conn] { whydrop_conn_received(conn, 100); });
  const double heartbeat_ns = NsPerCall([] { whydrop_heartbeat(); });
  std::printf("conn_sent: %.1f ns, conn_received: %.1f ns, a bare atomic add %.1f ns, ratios %.2f and %.2f\n", sent_ns,
              received_ns, add_ns, sent_ns / add_ns, received_ns / add_ns);
  std::printf("heartbeat: %.1f ns, a coarse clock read %.1f ns, ratio %.2f\n", heartbeat_ns, clock_ns,
              heartbeat_ns / clock_ns);
  whydrop_stop();
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  return 0;
}
