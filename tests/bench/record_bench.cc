// What one recorded event costs, as multiples of the floor F: a coarse clock read, one shared tail, a checksum in
// registers, 64 bytes and a commit word, in a mapped and touched file. Numbers of one run compare; those of two
// machines do not. Prints and never judges.
//
//   record_bench [events] [directory]
#include <fcntl.h>
#include <nmmintrin.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "platform/clock.h"
#include "unit/ring/ring_fixture.h"
#ifdef WHYDROP_BENCH_SPDLOG
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#endif
#ifdef WHYDROP_BENCH_SQLITE
#include <sqlite3.h>
#endif

namespace {

using namespace whydrop;

constexpr int kRuns = 5;
constexpr size_t kRingBytes = size_t{1} << 20;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// One thread alone is measured by its processor time, so that a busy machine does not show.
uint64_t NowNs(unsigned threads) {
  timespec now;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// Median nanoseconds of one call; `threads` call at the same time, `before` runs before each measurement.
double Measure(
    unsigned threads, uint64_t events, const std::function<void(uint64_t)>& run,
    const std::function<void()>& before = [] {}) {
  std::vector<double> results;
  for (int i = 0; i < kRuns; ++i) {
    before();
    std::atomic<unsigned> ready{0};
    std::vector<std::thread> others;
    const auto work = [&] {
      ready.fetch_add(1);
      while (ready.load() < threads) {
      }
      run(events);
    };
    for (unsigned t = 1; t < threads; ++t) others.emplace_back(work);
    const uint64_t start = NowNs(threads);
    work();
    for (std::thread& other : others) other.join();
    results.push_back(static_cast<double>(NowNs(threads) - start) / static_cast<double>(events));
  }
  return Median(results);
}

struct FloorRing {
  static constexpr uint64_t kSlots = kRingBytes / 64;
  std::atomic<uint64_t>* words = nullptr;
  alignas(64) std::atomic<uint64_t> tail{0};
};

__attribute__((target("sse4.2"))) void RecordFloor(FloorRing* ring, uint64_t a, uint64_t b) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  const uint64_t time = static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
  const uint64_t index = ring->tail.fetch_add(1, std::memory_order_relaxed);
  std::atomic<uint64_t>* slot = ring->words + index % FloorRing::kSlots * 8;
  const uint64_t values[6] = {index, time, a, b, a ^ b, a + b};
  uint64_t crc = 0;
  for (int i = 0; i < 6; ++i) {
    crc = _mm_crc32_u64(crc, values[i]);
    slot[2 + i].store(values[i], std::memory_order_relaxed);
  }
  slot[1].store(crc, std::memory_order_relaxed);
  slot[0].store(index + 1, std::memory_order_release);
}

void Print(const char* name, double one, double two, double floor_one, double floor_two) {
  if (two > 0) {
    std::printf("%-34s %10.1f ns %7.2f F %10.1f ns %7.2f F\n", name, one, one / floor_one, two, two / floor_two);
  } else {
    std::printf("%-34s %10.1f ns %7.2f F\n", name, one, one / floor_one);
  }
}

void PrintScan(const TestRing& ring) {
  const std::vector<uint8_t> bytes = ring.Copy();
  std::vector<double> results;
  for (int i = 0; i < kRuns; ++i) {
    RingContents contents;
    const uint64_t start = NowNs(1);
    if (!ReadRing(bytes.data(), bytes.size(), &contents).ok()) std::abort();
    results.push_back(static_cast<double>(NowNs(1) - start) / 1000);
  }
  std::printf("%-34s %10.1f us/MiB\n", "recovery scan of a full ring", Median(results));
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t events = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2000000;
  const std::string directory = argc > 2 ? argv[2] : "/var/tmp";
  const std::string base = directory + "/record_bench." + std::to_string(getpid());

  platform::RingStorage floor_storage;
  if (!floor_storage.CreateAs(platform::StorageMode::kMapped, base + ".floor", kRingBytes).ok()) return 2;
  floor_storage.Prefault();
  FloorRing floor_ring;
  floor_ring.words = reinterpret_cast<std::atomic<uint64_t>*>(floor_storage.data());
  const auto floor_run = [&](uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) RecordFloor(&floor_ring, i, ~i);
  };
  const double floor_one = Measure(1, events, floor_run), floor_two = Measure(2, events, floor_run);

  TestRing ring(kRingBytes, 64, TestIdentity(), platform::StorageMode::kMapped, base + ".ring");
  ring.storage.Prefault();
  const auto flow_run = [&](uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) {
      static_cast<void>(ring.writer.RecordFlow(EventType::kStalled, 1, static_cast<int64_t>(i), 2));
    }
  };
  const double flow_one = Measure(1, events, flow_run), flow_two = Measure(2, events, flow_run);
  // The key ring fills and stops, so it is emptied by sealing before each measurement of one filling.
  const auto seal = [&] {
    uint64_t from, to;
    uint32_t rotation;
    if (ring.writer.BeginSeal(&from, &to, &rotation)) ring.writer.FinishSeal({});
  };
  const auto key_run = [&](uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) {
      static_cast<void>(ring.writer.RecordKey(EventType::kFailed, 1, static_cast<int64_t>(i), 2));
    }
  };
  const uint64_t key_events = ring.writer.layout().key_slots / 2;
  const double key_one = Measure(1, key_events, key_run, seal);

  std::printf("%-34s %13s %18s\n", "", "1 thread", "2 threads");
  Print("F, the floor", floor_one, floor_two, floor_one, floor_two);
  Print("RecordFlow", flow_one, flow_two, floor_one, floor_two);
  Print("RecordKey (one filling)", key_one, 0, floor_one, floor_two);

  const int file = open((base + ".write").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const char line[64] = {};
  const auto write_run = [&](uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) {
      if (write(file, line, sizeof line) != static_cast<ssize_t>(sizeof line)) std::abort();
    }
  };
  Print("write(2) of 64 bytes", Measure(1, 50000, write_run), Measure(2, 50000, write_run), floor_one, floor_two);
  close(file);
#ifdef WHYDROP_BENCH_SPDLOG
  const auto logger = spdlog::basic_logger_mt("bench", base + ".log");
  logger->flush_on(spdlog::level::info);
  const auto log_run = [&](uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) logger->info("stalled connection {} for {} ms", 1, i);
  };
  Print("spdlog, flush each event", Measure(1, 20000, log_run), 0, floor_one, floor_two);
#endif
#ifdef WHYDROP_BENCH_SQLITE
  sqlite3* database = nullptr;
  sqlite3_stmt* insert = nullptr;
  sqlite3_open((base + ".db").c_str(), &database);
  sqlite3_exec(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE e(t, c, a, b)", nullptr,
               nullptr, nullptr);
  sqlite3_prepare_v2(database, "INSERT INTO e VALUES(1, 2, ?, 4)", -1, &insert, nullptr);
  const auto sqlite_run = [&](uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) {
      sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(i));
      sqlite3_step(insert);
      sqlite3_reset(insert);
    }
  };
  Print("SQLite WAL, one insert each", Measure(1, 5000, sqlite_run), 0, floor_one, floor_two);
  sqlite3_finalize(insert);
  sqlite3_close(database);
#endif
  while (ring.writer.RecordKey(EventType::kFailed, 1, 2, 3)) {
  }
  PrintScan(ring);
  floor_storage.Discard();
  ring.storage.Discard();
  for (const char* suffix : {".write", ".log", ".db", ".db-wal", ".db-shm"}) unlink((base + suffix).c_str());
  return 0;
}
