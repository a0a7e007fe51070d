#include "platform/ring_storage.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "test_directory.h"

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

void Rescue(int, siginfo_t* info, void*) {
  if (!RescueRingMapping(reinterpret_cast<uintptr_t>(info->si_addr))) _exit(9);
}

}  // namespace

TEST_CASE("bytes reach the file in both file modes and stay readable after the file's end") {
  for (const StorageMode mode : {StorageMode::kMapped, StorageMode::kFile}) {
    CAPTURE(static_cast<int>(mode));
    const TestDirectory directory("/dev/shm");
    const std::string path = directory.File("ring");
    RingStorage storage;
    REQUIRE(storage.CreateAs(mode, path, kSize).ok());
    CHECK(storage.mode() == mode);
    storage.Prefault();
    storage.data()[5000] = 'x';
    CHECK(storage.Written(5000, 1));
    CHECK(ByteInFile(path, 5000) == 'x');
    storage.Retire();
    CHECK_FALSE(OpeningUnlocks(path));
    storage.data()[5000] = 'y';
    CHECK(storage.Written(5000, 1));
    CHECK(ByteInFile(path, 5000) == 'x');
  }
}

TEST_CASE("a file that took the number of the ring's closed one is neither written to nor closed") {
  const TestDirectory directory("/dev/shm");
  const int next = dup(STDIN_FILENO);
  close(next);
  {
    RingStorage storage;
    REQUIRE(storage.CreateAs(StorageMode::kFile, directory.File("ring"), kSize).ok());
    REQUIRE(close(next) == 0);
    REQUIRE(open(directory.File("game").c_str(), O_RDWR | O_CREAT, 0600) == next);
    CHECK_FALSE(storage.Written(0, 100));
    storage.Retire();
  }
  CHECK(lseek(next, 0, SEEK_END) == 0);
  CHECK(close(next) == 0);
}

TEST_CASE("becoming volatile deletes the file and keeps contents and addresses") {
  for (const StorageMode mode : {StorageMode::kMapped, StorageMode::kFile}) {
    const TestDirectory directory("/dev/shm");
    RingStorage storage;
    REQUIRE(storage.CreateAs(mode, directory.File("ring"), kSize).ok());
    uint8_t* const before = storage.data();
    before[kSize - 1] = 'x';
    storage.BecomeVolatile();
    CHECK(storage.mode() == StorageMode::kVolatile);
    CHECK(storage.data() == before);
    CHECK(before[kSize - 1] == 'x');
    CHECK(access(directory.File("ring").c_str(), F_OK) != 0);
  }
}

TEST_CASE("prefaulting changes no contents, and discarding removes the file") {
  const TestDirectory directory("/dev/shm");
  RingStorage storage;
  REQUIRE(storage.Create(directory.File("ring"), kSize).ok());
  CHECK(storage.mode() == StorageMode::kMapped);
  storage.data()[4096] = 'x';
  storage.Prefault();
  CHECK(storage.data()[4096] == 'x');
  storage.Discard();
  CHECK(access(directory.File("ring").c_str(), F_OK) != 0);
}

TEST_CASE("a mapping whose file another process cut is replaced, and only then") {
  const TestDirectory directory("/dev/shm");
  int other = 0;
  CHECK_FALSE(RescueRingMapping(reinterpret_cast<uintptr_t>(&other)));
  const pid_t child = fork();
  if (child == 0) {
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = Rescue;
    sigaction(SIGBUS, &action, nullptr);
    RingStorage storage;
    if (!storage.CreateAs(StorageMode::kMapped, directory.File("ring"), kSize).ok()) _exit(2);
    const pid_t cutter = fork();
    if (cutter == 0) _exit(truncate(directory.File("ring").c_str(), 0) == 0 ? 0 : 1);
    int cut = -1;
    waitpid(cutter, &cut, 0);
    *const_cast<volatile uint8_t*>(storage.data() + 20000) = 7;
    _exit(cut == 0 && storage.data()[20000] == 7 ? 0 : 3);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a full disk is told at creation, in either mode never by a signal") {
  if (geteuid() != 0) {
    MESSAGE("skipped: mounting a small tmpfs needs root");
    return;
  }
  const TestDirectory directory;
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
    if (mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=64k") != 0) _exit(77);
    RingStorage mapped;
    if (mapped.Create(directory.File("a"), 1024 * 1024).kind != StatusKind::kNoSpace) _exit(1);
    if (access(directory.File("a").c_str(), F_OK) == 0) _exit(2);
    RingStorage written;
    if (!written.CreateAs(StorageMode::kFile, directory.File("b"), 1024 * 1024).ok()) _exit(3);
    memset(written.data(), 1, written.size());
    if (written.Written(0, written.size())) _exit(4);
    if (WriteDurably(directory.File("c"), written.data(), 100000).kind != StatusKind::kNoSpace) _exit(5);
    _exit(access(directory.File("c").c_str(), F_OK) == 0 ? 6 : 0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    MESSAGE("skipped: this container may not mount");
    return;
  }
  CHECK(status == 0);
}
