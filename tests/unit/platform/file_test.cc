#include "platform/file.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "support/child.h"
#include "support/test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

Status Put(const std::string& path, const std::string& text) { return WriteDurably(path, text.data(), text.size()); }

std::string Get(const std::string& path) {
  std::string text;
  return ReadWhole(path, 1000, &text).ok() ? text : "unreadable";
}

}  // namespace

CHILD_ROLE(locks_a_file) {
  File file;
  if (!File::OpenExisting(arguments.at(0), File::Mode::kReadWrite, &file).ok()) return 1;
  Child::Tell(file.TryLock().kind == StatusKind::kBusy ? "busy" : "locked");
  Child::AwaitParent();
  return 0;
}

TEST_CASE("a durable write replaces the file and leaves no temporary behind") {
  const TestDirectory directory;
  const std::string path = directory.File("a");
  REQUIRE(Put(path, "one").ok());
  REQUIRE(Put(path, "two").ok());
  CHECK(Get(path) == "two");
  std::vector<std::string> names;
  REQUIRE(ListDirectory(directory.path(), 10, &names).ok());
  CHECK(names == std::vector<std::string>{"a"});
}

TEST_CASE("a durable write that fails leaves no temporary behind") {
  const TestDirectory directory;
  const std::string path = directory.File("taken");
  REQUIRE(EnsureDirectory(path).ok());
  CHECK_FALSE(Put(path, "x").ok());
  std::vector<std::string> names;
  REQUIRE(ListDirectory(directory.path(), 10, &names).ok());
  CHECK(names.empty());
}

TEST_CASE("a file that is there wins over a durable write if absent") {
  const TestDirectory directory;
  const std::string path = directory.File("a");
  bool existed = true;
  REQUIRE(WriteDurablyIfAbsent(path, "one", 3, &existed).ok());
  CHECK_FALSE(existed);
  REQUIRE(WriteDurablyIfAbsent(path, "two", 3, &existed).ok());
  CHECK(existed);
  CHECK(Get(path) == "one");
  std::vector<std::string> names;
  REQUIRE(ListDirectory(directory.path(), 10, &names).ok());
  CHECK(names.size() == 1);
}

TEST_CASE("a listing is sorted and holds the first names only") {
  const TestDirectory directory;
  for (const char* name : {"d", "a", "c", "b"}) REQUIRE(Put(directory.File(name), "").ok());
  std::vector<std::string> names;
  REQUIRE(ListDirectory(directory.path(), 3, &names).ok());
  CHECK(names == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a file above the limit is not read") {
  const TestDirectory directory;
  REQUIRE(Put(directory.File("a"), "12345").ok());
  std::string text;
  CHECK(ReadWhole(directory.File("a"), 4, &text).kind == StatusKind::kCorrupt);
  CHECK(ReadWhole(directory.File("a"), 5, &text).ok());
}

TEST_CASE("a lock keeps other processes out until its owner ends, however it ends") {
  const TestDirectory directory;
  const std::string path = directory.File("locked");
  File file;
  REQUIRE(File::CreateNew(path, &file).ok());
  CHECK(File::CreateNew(path, &file).kind == StatusKind::kExists);
  REQUIRE(file.TryLock().ok());
  Child refused = Child::InRole("locks_a_file", {path});
  CHECK(refused.ReadLine() == "busy");
  file.Close();
  Child owner = Child::InRole("locks_a_file", {path});
  REQUIRE(owner.ReadLine() == "locked");
  REQUIRE(File::OpenExisting(path, File::Mode::kReadWrite, &file).ok());
  CHECK(file.TryLock().kind == StatusKind::kBusy);
  owner.Kill();
  owner.Wait();
  CHECK(file.TryLock().ok());
}

TEST_CASE("a directory is no file, and what is not there is told apart") {
  const TestDirectory directory;
  File file;
  CHECK(File::OpenExisting(directory.path(), File::Mode::kRead, &file).kind == StatusKind::kInvalid);
  CHECK(File::OpenExisting(directory.File("none"), File::Mode::kRead, &file).kind == StatusKind::kNotFound);
  CHECK(RemoveFile(directory.File("none")).ok());
  CHECK(SyncDirectory(directory.File("none")).kind == StatusKind::kNotFound);
}

TEST_CASE("a file that is removed while it is opened is not there, rather than none of ours") {
  const TestDirectory directory(TestDirectory::InMemory());  // a disk that is slow lets one of the two wait for the other
  const std::string path = directory.File("a");
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) {
      File file;
      (void)File::CreateNew(path, &file);
      file.Close();
      (void)RemoveFile(path);
    }
  });
  int found = 0;
  int refused = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (found == 0 || std::chrono::steady_clock::now() < until) {
    File file;
    const Status status = File::OpenExisting(path, File::Mode::kReadWrite, &file);
    found += status.ok() ? 1 : 0;
    refused += status.kind == StatusKind::kInvalid ? 1 : 0;
  }
  over = true;
  other.join();
  CHECK(refused == 0);
}

TEST_CASE("a look at a file says of its name what the open file says") {
  const TestDirectory directory;
  REQUIRE(Put(directory.File("a"), "four").ok());
  File file;
  FileFacts facts, looked;
  REQUIRE(File::OpenExisting(directory.File("a"), File::Mode::kRead, &file).ok());
  REQUIRE(file.Facts(&facts).ok());
  REQUIRE(LookAt(directory.File("a"), &looked).ok());
  CHECK(looked.size_bytes == 4);
  CHECK(looked.modified_unix_ms == facts.modified_unix_ms);
  CHECK(LookAt(directory.File("none"), &looked).kind == StatusKind::kNotFound);
  CHECK(LookAt(directory.path(), &looked).kind == StatusKind::kInvalid);
}

TEST_CASE("a rename replaces or refuses to, as asked, also while somebody reads the file") {
  const TestDirectory directory;
  REQUIRE(Put(directory.File("a"), "one").ok());
  REQUIRE(Put(directory.File("b"), "two").ok());
  CHECK(RenameIfAbsent(directory.File("a"), directory.File("b")).kind == StatusKind::kExists);
  File reader;
  REQUIRE(File::OpenExisting(directory.File("a"), File::Mode::kRead, &reader).ok());
  CHECK(RenameReplacing(directory.File("a"), directory.File("b")).ok());
  CHECK(Get(directory.File("b")) == "one");
  CHECK_FALSE(directory.Has("a"));
  CHECK(RemoveFile(directory.File("b")).ok());
}

TEST_CASE("reads and writes reach what they name and stop at the end") {
  const TestDirectory directory;
  File file;
  REQUIRE(File::CreateNew(directory.File("a"), &file).ok());
  REQUIRE(file.WriteAt(3, "xyz", 3).ok());
  char bytes[10] = {};
  size_t read = 0;
  REQUIRE(file.ReadAt(2, bytes, sizeof(bytes), &read).ok());
  CHECK(std::string(bytes, read) == std::string("\0xyz", 4));
  REQUIRE(file.ReadAt(100, bytes, sizeof(bytes), &read).ok());
  CHECK(read == 0);
  FileFacts facts;
  REQUIRE(file.Facts(&facts).ok());
  CHECK(facts.size_bytes == 6);
  CHECK(facts.modified_unix_ms > 1700000000000);
}

TEST_CASE("names and paths beyond ASCII and beyond 260 characters work") {
  const TestDirectory directory;
  std::string path = directory.File("Zażółć 玩家 🎮");
  while (path.size() < 400) path += "/a directory with a rather long name";
  REQUIRE(EnsureDirectory(path).ok());
  REQUIRE(EnsureDirectory(path).ok());
  const std::string file = path + "/плеер.ring";
  REQUIRE(Put(file, "one").ok());
  REQUIRE(Put(file, "two").ok());
  CHECK(Get(file) == "two");
  std::vector<std::string> names;
  REQUIRE(ListDirectory(path, 10, &names).ok());
  CHECK(names == std::vector<std::string>{"плеер.ring"});
  CHECK(RemoveFile(file).ok());
  CHECK(Get(file) == "unreadable");
}
