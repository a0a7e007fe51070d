// Kills processes with SIGKILL while their threads write a ring, and reads what is left: no record may be wrong, and
// none whose commit was witnessed may be missing. The witness lies in memory that the parent shares and the ring does
// not use.
//
//   ring_kill_test [kills] [seed] [directory]
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/ring_storage.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace {

using namespace whydrop;

constexpr size_t kRingBytes = size_t{1} << 18;
constexpr uint32_t kConnections = 64;
constexpr unsigned kMaxThreads = 32;

// One thread's progress: how many of its records have been committed.
struct alignas(64) Witness {
  std::atomic<uint64_t> key;
  std::atomic<uint64_t> flow;
  std::atomic<uint64_t> ended;
};

struct Shared {
  std::atomic<uint32_t> writing;  // threads that have begun
  Witness threads[kMaxThreads];
};

struct Figures {
  uint64_t kills = 0, witnessed = 0, records = 0, wrong = 0, missing = 0, unfinished = 0;
};

uint64_t Mix(uint64_t thread, uint64_t number) { return (thread << 40 | number) * 0x9E3779B97F4A7C15u; }

void WriteForEver(RingWriter* writer, Shared* shared, uint32_t thread) {
  Witness& witness = shared->threads[thread];
  shared->writing.fetch_add(1);
  bool key_room = true;
  for (uint64_t n = 0;; ++n) {
    const auto a = static_cast<int64_t>(n);
    const auto b = static_cast<int64_t>(Mix(thread, n));
    if (key_room) {
      key_room = writer->RecordKey(EventType::kConnected, thread, a, b);
      if (key_room) witness.key.store(n + 1);
    }
    if (writer->RecordFlow(EventType::kStalled, thread, a, b)) witness.flow.store(n + 1);
    if (n % 16 != 0) continue;
    ConnectionIdentity id;
    id.protocol = 1;
    std::snprintf(id.endpoint, sizeof id.endpoint, "t%u", thread);
    const ConnectionRef ref = writer->OpenConnection(id);
    Evidence evidence;
    evidence.Set(Field::os_error, b);
    static_cast<void>(writer->KeepFailure(ref, evidence));
    if (writer->EndConnection(ref, evidence, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kLow)) witness.ended.fetch_add(1);
  }
}

[[noreturn]] void Child(const std::string& path, platform::StorageMode mode, unsigned threads, uint64_t nonce,
                        Shared* shared) {
  platform::RingStorage storage;
  RingLayout layout;
  RingIdentity id;
  id.nonce = nonce;
  id.started_monotonic_ms = platform::CoarseMonotonicMs();
  std::snprintf(id.app_id, sizeof id.app_id, "kill");
  std::snprintf(id.app_version, sizeof id.app_version, "1");
  if (!PlanRing(kRingBytes, kConnections, &layout) || !storage.CreateAs(mode, path, kRingBytes).ok()) _exit(9);
  RingWriter writer;
  writer.Format(&storage, layout, id);
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(WriteForEver, &writer, shared, i);
  WriteForEver(&writer, shared, 0);
  _exit(9);
}

// Missing: a witnessed key record or end that is not there. In the flow ring later records take the place of earlier
// ones, so there every record must be right, and of a thread that writes alone the newest witnessed one must be there.
void Check(const RingContents& contents, const Shared& shared, unsigned threads, Figures* figures) {
  uint64_t key_found[kMaxThreads] = {}, ended[kMaxThreads] = {};
  uint64_t newest_flow[kMaxThreads] = {};
  for (const RingEvent& event : contents.events) {
    const bool right = event.connection < threads &&
                       static_cast<uint64_t>(event.b) == Mix(event.connection, static_cast<uint64_t>(event.a)) &&
                       event.type == (event.key ? EventType::kConnected : EventType::kStalled);
    if (!right) {
      ++figures->wrong;
      continue;
    }
    if (event.key) {
      ++key_found[event.connection];
    } else {
      const auto n = static_cast<uint64_t>(event.a) + 1;
      if (n > newest_flow[event.connection]) newest_flow[event.connection] = n;
    }
  }
  for (const RingTotal& total : contents.totals) {
    const unsigned long thread = std::strtoul(total.endpoint.c_str() + 1, nullptr, 10);
    if (thread < threads) ended[thread] = total.count;
  }
  for (unsigned i = 0; i < threads; ++i) {
    const Witness& witness = shared.threads[i];
    figures->witnessed += witness.key + witness.flow + witness.ended;
    if (key_found[i] < witness.key) figures->missing += witness.key - key_found[i];
    if (ended[i] < witness.ended) figures->missing += witness.ended - ended[i];
    if (threads == 1 && newest_flow[i] < witness.flow) ++figures->missing;
  }
  figures->records += contents.events.size() + contents.connections.size();
  figures->wrong +=
      contents.damage.slots_damaged + contents.damage.totals_damaged + contents.damage.connections_damaged;
  figures->unfinished += contents.damage.slots_unfinished;
}

bool KillOnce(const std::string& path, platform::StorageMode mode, unsigned threads, uint64_t random, Shared* shared,
              Figures* figures) {
  new (shared) Shared{};
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) Child(path, mode, threads, random, shared);
  // From the first recording thread on, the moment is left to chance: up to 1 ms in steps far below a record's length.
  while (shared->writing.load() == 0) std::this_thread::yield();
  const timespec wait = {0, static_cast<long>(random % 1000000)};
  nanosleep(&wait, nullptr);
  kill(child, SIGKILL);
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) return false;
  std::string bytes;
  RingContents contents;
  if (!platform::ReadWhole(path, kRingBytes, &bytes).ok()) return false;
  if (!ReadRing(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &contents).ok()) return false;
  Check(contents, *shared, threads, figures);
  ++figures->kills;
  return platform::RemoveFile(path).ok();
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t kills = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  std::string directory = argc > 3 ? argv[3] : "/tmp";
  directory += "/ring_kill_XXXXXX";
  if (mkdtemp(&directory[0]) == nullptr) return 2;
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  auto* shared = static_cast<Shared*>(memory);

  std::mt19937_64 random(seed);
  const unsigned thread_counts[] = {1, 2, 8, 32};
  Figures figures;
  bool ran = true;
  for (uint64_t i = 0; ran && i < kills; ++i) {
    // Each fourth run writes record by record instead of mapping the file.
    const auto mode = i / 4 % 4 == 3 ? platform::StorageMode::kFile : platform::StorageMode::kMapped;
    ran = KillOnce(directory + "/victim.ring", mode, thread_counts[i % 4], random(), shared, &figures);
  }
  static_cast<void>(rmdir(directory.c_str()));
  std::printf(
      "seed %llu: %llu kills, %llu commits witnessed, %llu records read, %llu unfinished, %llu wrong, %llu missing\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(figures.kills),
      static_cast<unsigned long long>(figures.witnessed), static_cast<unsigned long long>(figures.records),
      static_cast<unsigned long long>(figures.unfinished), static_cast<unsigned long long>(figures.wrong),
      static_cast<unsigned long long>(figures.missing));
  if (!ran) std::printf("a run could not be made or its ring could not be read\n");
  return ran && figures.wrong == 0 && figures.missing == 0 && figures.witnessed > 0 ? 0 : 1;
}
