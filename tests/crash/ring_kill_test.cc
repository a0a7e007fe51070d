// Kills processes (SIGKILL, TerminateProcess) while their threads write a ring, and reads what is left: no record may
// be wrong, and none whose commit was witnessed may be missing. The witness lies in a mapped file of its own.
//
//   ring_kill_test [kills] [seed] [directory] [threads]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/ring_storage.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"
#include "support/child.h"
#include "support/test_directory.h"

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
  Witness threads[kMaxThreads];
};
constexpr size_t kSharedBytes = 4096;
static_assert(sizeof(Shared) <= kSharedBytes);

struct Figures {
  uint64_t kills = 0, witnessed = 0, records = 0, wrong = 0, missing = 0, unfinished = 0;
};

// Of each victim its own: Windows may hold the files of a killed process for a moment longer.
std::string RingPath(const std::string& directory, const std::string& nonce) {
  return directory + "/" + nonce + ".ring";
}
std::string WitnessPath(const std::string& directory, const std::string& nonce) {
  return directory + "/" + nonce + ".witness";
}

uint64_t Mix(uint64_t thread, uint64_t number) { return (thread << 40 | number) * 0x9E3779B97F4A7C15u; }

void WriteForEver(RingWriter* writer, Shared* shared, uint32_t thread) {
  Witness& witness = shared->threads[thread];
  if (thread == 0) Child::Tell("writing");
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

}  // namespace

// Arguments: directory, mode, threads, nonce. Writes until it is killed.
CHILD_ROLE(writes_for_ever) {
  const auto mode = static_cast<platform::StorageMode>(std::stoi(arguments.at(1)));
  const unsigned long threads = std::stoul(arguments.at(2));
  platform::RingStorage storage;
  platform::RingStorage witness;
  RingLayout layout;
  RingIdentity id;
  id.nonce = std::stoull(arguments.at(3));
  id.started_monotonic_ms = platform::CoarseMonotonicMs();
  std::snprintf(id.app_id, sizeof id.app_id, "kill");
  std::snprintf(id.app_version, sizeof id.app_version, "1");
  if (!PlanRing(kRingBytes, kConnections, &layout) ||
      !storage.CreateAs(mode, RingPath(arguments.at(0), arguments.at(3)), kRingBytes).ok() ||
      !witness.CreateAs(platform::StorageMode::kMapped, WitnessPath(arguments.at(0), arguments.at(3)), kSharedBytes)
           .ok()) {
    return 9;
  }
  auto* shared = reinterpret_cast<Shared*>(witness.data());
  RingWriter writer;
  writer.Format(&storage, layout, id);
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < threads; ++i) others.emplace_back(WriteForEver, &writer, shared, i);
  WriteForEver(&writer, shared, 0);
  return 9;
}

namespace {

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

bool TakeFile(const std::string& path, size_t limit, std::string* bytes) {
  return platform::ReadWhole(path, limit, bytes).ok() && platform::RemoveFile(path).ok();
}

bool KillOnce(const std::string& directory, platform::StorageMode mode, unsigned threads, uint64_t random,
              Figures* figures) {
  Child child = Child::InRole("writes_for_ever", {directory, std::to_string(static_cast<int>(mode)),
                                                  std::to_string(threads), std::to_string(random)});
  if (child.ReadLine() != "writing") return false;
  // From the first recording thread on, the moment is left to chance: up to 1 ms in steps far below a record's length.
  const uint64_t until = platform::MonotonicNs() + random % 1000000;
  while (platform::MonotonicNs() < until) {
  }
  child.Kill();
  child.Wait();
  std::string bytes, witnessed;
  RingContents contents;
  if (!TakeFile(RingPath(directory, std::to_string(random)), kRingBytes, &bytes)) return false;
  if (!TakeFile(WitnessPath(directory, std::to_string(random)), kSharedBytes, &witnessed) ||
      witnessed.size() != kSharedBytes)
    return false;
  if (!ReadRing(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &contents).ok()) return false;
  alignas(Shared) static char memory[kSharedBytes];
  std::memcpy(memory, witnessed.data(), sizeof memory);
  Check(contents, *reinterpret_cast<const Shared*>(memory), threads, figures);
  ++figures->kills;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = 0;
  if (PlayChildRole(argc, argv, &exit_code)) return exit_code;
  const uint64_t kills = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  const TestDirectory directory(argc > 3 ? argv[3] : TestDirectory::Temporary());
  const auto threads = static_cast<unsigned>(argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 0);  // 0: varied
  if (threads > kMaxThreads) return 2;

  std::mt19937_64 random(seed);
  const unsigned thread_counts[] = {1, 2, 8, 32};
  Figures figures;
  bool ran = true;
  for (uint64_t i = 0; ran && i < kills; ++i) {
    // Each fourth run writes record by record instead of mapping the file.
    const auto mode = i / 4 % 4 == 3 ? platform::StorageMode::kFile : platform::StorageMode::kMapped;
    ran = KillOnce(directory.path(), mode, threads != 0 ? threads : thread_counts[i % 4], random(), &figures);
  }
  std::printf(
      "seed %llu: %llu kills, %llu commits witnessed, %llu records read, %llu unfinished, %llu wrong, %llu missing\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(figures.kills),
      static_cast<unsigned long long>(figures.witnessed), static_cast<unsigned long long>(figures.records),
      static_cast<unsigned long long>(figures.unfinished), static_cast<unsigned long long>(figures.wrong),
      static_cast<unsigned long long>(figures.missing));
  if (!ran) std::printf("a run could not be made or its ring could not be read\n");
  return ran && figures.wrong == 0 && figures.missing == 0 && figures.witnessed > 0 ? 0 : 1;
}
