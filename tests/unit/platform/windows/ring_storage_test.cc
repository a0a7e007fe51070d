// What only Windows has: in-page errors, attributes of files, faults at addresses that are not ours, flushes that hold
// a file.
#include "platform/ring_storage.h"

#include <doctest/doctest.h>
#include <windows.h>

#include <atomic>
#include <thread>

#include "support/child.h"
#include "support/imports_windows.h"
#include "support/test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

constexpr size_t kSize = 64 * 1024;

// As the system raises it for a store to `address`.
void RaiseFault(DWORD code, const void* address) {
  const ULONG_PTR facts[3] = {1, reinterpret_cast<ULONG_PTR>(address), 0xC0000185 /* an I/O device error */};
  RaiseException(code, 0, code == EXCEPTION_IN_PAGE_ERROR ? 3 : 2, facts);
}

// A flush that takes as long as the test wants.
std::atomic<int> flushes{0};
std::atomic<bool> flushes_end{true};
BOOL WINAPI SlowFlush(HANDLE) {
  ++flushes;
  while (!flushes_end) Sleep(1);
  return TRUE;
}

}  // namespace

CHILD_ROLE(faults_outside_of_its_ring) {
  RingStorage storage;
  if (!storage.CreateAs(StorageMode::kMapped, arguments.at(0), kSize).ok()) return 1;
  RaiseFault(static_cast<DWORD>(std::stoul(arguments.at(1))), &storage);
  return 2;
}

TEST_CASE("an in-page error of a ring is dealt with: private memory takes the place of the mapping") {
  const TestDirectory directory;
  RingStorage storage;
  REQUIRE(storage.CreateAs(StorageMode::kMapped, directory.File("ring"), kSize).ok());
  storage.data()[100] = 'x';
  SetLastError(77);
  RaiseFault(EXCEPTION_IN_PAGE_ERROR, storage.data() + 40000);
  CHECK(GetLastError() == 77);
  CHECK(storage.data()[100] == 0);
  storage.data()[40000] = 'y';
  CHECK(storage.data()[40000] == 'y');
  CHECK(directory.Read("ring")[100] == 'x');
  CHECK(directory.Read("ring")[40000] == 0);
}

TEST_CASE("a store that runs into the hole of an exchange is tried again") {
  const TestDirectory directory;
  RingStorage storage;
  REQUIRE(storage.CreateAs(StorageMode::kMapped, directory.File("ring"), kSize).ok());
  RaiseFault(EXCEPTION_ACCESS_VIOLATION, storage.data() + 100);
  storage.data()[100] = 'x';
  CHECK(directory.Read("ring")[100] == 'x');
}

TEST_CASE("faults at other addresses are nobody's business here") {
  const TestDirectory directory;
  int other = 0;
  CHECK_FALSE(RescueRingMapping(reinterpret_cast<uintptr_t>(&other)));
  for (const DWORD code : {EXCEPTION_ACCESS_VIOLATION, EXCEPTION_IN_PAGE_ERROR}) {
    CAPTURE(code);
    Child child =
        Child::InRole("faults_outside_of_its_ring", {directory.File(std::to_string(code)), std::to_string(code)});
    CHECK(child.Wait() == code);
  }
}

TEST_CASE("a mapped ring is a plain file that others may read and the owner may still write") {
  const TestDirectory directory;
  RingStorage storage;
  REQUIRE(storage.CreateAs(StorageMode::kMapped, directory.File("ring"), kSize).ok());
  const DWORD attributes = GetFileAttributesW(directory.Path("ring").c_str());
  CHECK((attributes & (FILE_ATTRIBUTE_SPARSE_FILE | FILE_ATTRIBUTE_COMPRESSED | FILE_ATTRIBUTE_REPARSE_POINT)) == 0);
  storage.data()[4000] = 'x';
  std::string bytes;
  REQUIRE(ReadWhole(directory.File("ring"), kSize, &bytes).ok());
  CHECK(bytes.size() == kSize);
  CHECK(bytes[4000] == 'x');
  storage.Sync();
  storage.Discard();
}

TEST_CASE("no thread that records waits for a flush: stores to a mapped ring need none of its locks") {
  const TestDirectory directory;
  RingStorage storage;
  REQUIRE(storage.CreateAs(StorageMode::kMapped, directory.File("ring"), kSize).ok());
  auto* const flush = ReplaceImport("FlushFileBuffers", SlowFlush);
  REQUIRE((flush != nullptr));
  flushes = 0;
  flushes_end = false;
  std::thread worker([&storage] { storage.Sync(); });
  while (flushes == 0) Sleep(1);
  storage.data()[100] = 'x';
  CHECK(storage.Written(100, 1));
  CHECK(directory.Read("ring")[100] == 'x');
  CHECK_FALSE(flushes_end);
  flushes_end = true;
  worker.join();
  ReplaceImport("FlushFileBuffers", flush);
  storage.Discard();
}

// Windows holds a file until its flush has ended, so that WriteFile would wait, which Wine does not show: the number is
// what tells.
TEST_CASE("no thread that records waits for a flush: a ring that is written is never flushed") {
  const TestDirectory directory;
  RingStorage storage;
  REQUIRE(storage.CreateAs(StorageMode::kFile, directory.File("ring"), kSize).ok());
  auto* const flush = ReplaceImport("FlushFileBuffers", SlowFlush);
  REQUIRE((flush != nullptr));
  flushes = 0;
  storage.data()[100] = 'x';
  CHECK(storage.Written(100, 1));
  storage.Sync();
  storage.Sync(0, 4096);
  ReplaceImport("FlushFileBuffers", flush);
  CHECK(flushes == 0);
  CHECK(directory.Read("ring")[100] == 'x');
  storage.Discard();
}
