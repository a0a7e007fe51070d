#include "platform/ring_storage.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "platform/identity.h"
#include "support/test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

constexpr size_t kSize = 64 * 1024;

char ByteInFile(const std::string& path, size_t offset) {
  File file;
  char byte = 0;
  size_t read = 0;
  REQUIRE(File::OpenExisting(path, File::Mode::kRead, &file).ok());
  REQUIRE(file.ReadAt(offset, &byte, 1, &read).ok());
  return byte;
}

bool IsUnlocked(const std::string& path) {
  File file;
  return File::OpenExisting(path, File::Mode::kReadWrite, &file).ok() && file.TryLock().ok();
}

}  // namespace

TEST_CASE("bytes reach the file in both file modes and stay readable after the file's end") {
  for (const StorageMode mode : {StorageMode::kMapped, StorageMode::kFile}) {
    CAPTURE(static_cast<int>(mode));
    const TestDirectory directory(TestDirectory::InMemory());
    const std::string path = directory.File("ring");
    RingStorage storage;
    REQUIRE(storage.CreateAs(mode, path, kSize).ok());
    CHECK(storage.mode() == mode);
    storage.Prefault();
    storage.data()[5000] = 'x';
    CHECK(storage.Written(5000, 1));
    CHECK(ByteInFile(path, 5000) == 'x');
    storage.Retire();
    CHECK(IsUnlocked(path));
    storage.data()[5000] = 'y';
    CHECK(storage.Written(5000, 1));
    CHECK(ByteInFile(path, 5000) == 'x');
  }
}

TEST_CASE("threads record on while the mapping under them is exchanged") {
  const TestDirectory directory(TestDirectory::InMemory());
  for (int round = 0; round < 20; ++round) {
    RingStorage storage;
    REQUIRE(storage.CreateAs(StorageMode::kMapped, directory.File(std::to_string(round)), kSize).ok());
    std::atomic<bool> done{false};
    std::atomic<int> running{0};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&storage, &done, &running, i] {
        auto* word = reinterpret_cast<std::atomic<uint64_t>*>(storage.data() + i * 4096);
        running.fetch_add(1);
        while (!done.load()) word->fetch_add(1, std::memory_order_relaxed);
      });
    }
    while (running.load() != 4) std::this_thread::yield();
    round % 2 == 0 ? storage.BecomeVolatile() : storage.Retire();
    const uint64_t before = reinterpret_cast<std::atomic<uint64_t>*>(storage.data())->load();
    while (reinterpret_cast<std::atomic<uint64_t>*>(storage.data())->load() == before) std::this_thread::yield();
    done.store(true);
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_CASE("becoming volatile deletes the file and keeps contents and addresses") {
  for (const StorageMode mode : {StorageMode::kMapped, StorageMode::kFile}) {
    const TestDirectory directory(TestDirectory::InMemory());
    RingStorage storage;
    REQUIRE(storage.CreateAs(mode, directory.File("ring"), kSize).ok());
    uint8_t* const before = storage.data();
    before[kSize - 1] = 'x';
    storage.BecomeVolatile();
    CHECK(storage.mode() == StorageMode::kVolatile);
    CHECK(storage.data() == before);
    CHECK(before[kSize - 1] == 'x');
    CHECK_FALSE(directory.Has("ring"));
  }
}

TEST_CASE("prefaulting changes no contents, and discarding removes the file") {
  const TestDirectory directory(TestDirectory::InMemory());
  RingStorage storage;
  REQUIRE(storage.Create(directory.File("ring"), kSize).ok());
  if (storage.mode() != StorageMode::kMapped) {
    CHECK(CurrentSystem() == SystemKind::kWine);
    MESSAGE("written, not mapped: this Wine has no placeholders for memory");
  }
  storage.data()[4096] = 'x';
  storage.Prefault();
  CHECK(storage.data()[4096] == 'x');
  storage.Discard();
  CHECK_FALSE(directory.Has("ring"));
}
