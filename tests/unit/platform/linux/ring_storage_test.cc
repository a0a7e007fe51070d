// What only Linux has: SIGBUS, a disk as small as one wishes.
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
#include <string>

#include "support/test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

constexpr size_t kSize = 64 * 1024;

void Rescue(int, siginfo_t* info, void*) {
  if (!RescueRingMapping(reinterpret_cast<uintptr_t>(info->si_addr))) _exit(9);
}

File MakeFile(const std::string& path) {
  File file;
  REQUIRE(File::CreateNew(path, &file).ok());
  return file;
}

}  // namespace

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

TEST_CASE("a file that took the number of the ring's closed one is neither written to nor closed") {
  const TestDirectory directory("/dev/shm");
  const int next = dup(STDERR_FILENO);
  REQUIRE(close(next) == 0);
  // Twice, because files made one after the other have inode numbers that differ in the last bit only every other time.
  for (const char* name : {"first", "second"}) {
    {
      RingStorage storage;
      REQUIRE(storage.CreateAs(StorageMode::kFile, directory.File(std::string(name) + "-ring"), kSize).ok());
      REQUIRE(close(next) == 0);
      REQUIRE(open(directory.File(name + std::string("-game")).c_str(), O_RDWR | O_CREAT, 0600) == next);
      CHECK_FALSE(storage.Written(0, 100));
      storage.Retire();
    }
    CHECK(lseek(next, 0, SEEK_END) == 0);
    CHECK(close(next) == 0);
    const File one_more = MakeFile(directory.File(std::string(name) + "-more"));
  }
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
