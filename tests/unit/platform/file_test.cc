#include "platform/file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

Status Put(const std::string& path, const std::string& text) { return WriteDurably(path, text.data(), text.size()); }

std::string Get(const std::string& path) {
  std::string text;
  return ReadWhole(path, 1000, &text).ok() ? text : "unreadable";
}

}  // namespace

TEST_CASE("a durable write replaces the file and leaves no temporary behind") {
  const TestDirectory directory;
  const std::string path = directory.File("a");
  REQUIRE(Put(path, "one").ok());
  REQUIRE(Put(path, "two").ok());
  CHECK(Get(path) == "two");
  std::vector<std::string> names;
  REQUIRE(ListDirectory(directory.path(), 10, &names).ok());
  CHECK(names == std::vector<std::string>{"a"});
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a durable write that fails leaves no temporary behind") {
  const TestDirectory directory;
  const std::string path = directory.File("taken");
  REQUIRE(mkdir(path.c_str(), 0700) == 0);
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

TEST_CASE("links, pipes and directories are not opened as files") {
  const TestDirectory directory;
  REQUIRE(Put(directory.File("a"), "x").ok());
  REQUIRE(symlink("a", directory.File("symbolic").c_str()) == 0);
  REQUIRE(mkfifo(directory.File("pipe").c_str(), 0600) == 0);
  File file;
  CHECK(File::OpenExisting(directory.File("symbolic"), File::Mode::kRead, &file).kind == StatusKind::kInvalid);
  CHECK(File::OpenExisting(directory.File("pipe"), File::Mode::kRead, &file).kind == StatusKind::kInvalid);
  CHECK(File::OpenExisting(directory.path(), File::Mode::kRead, &file).kind == StatusKind::kInvalid);
  CHECK(File::OpenExisting(directory.File("none"), File::Mode::kRead, &file).kind == StatusKind::kNotFound);
  REQUIRE(link(directory.File("a").c_str(), directory.File("second").c_str()) == 0);
  CHECK(File::OpenExisting(directory.File("a"), File::Mode::kRead, &file).kind == StatusKind::kInvalid);
}

TEST_CASE("a lock keeps other processes out, and asking whether a file is open here does not release it") {
  const TestDirectory directory;
  const std::string path = directory.File("locked");
  File file;
  REQUIRE(File::CreateNew(path, &file).ok());
  CHECK(File::CreateNew(path, &file).kind == StatusKind::kExists);
  REQUIRE(file.TryLock().ok());
  CHECK(OpeningUnlocks(path));
  const pid_t child = fork();
  if (child == 0) {
    File other;
    const bool opened = File::OpenExisting(path, File::Mode::kReadWrite, &other).ok();
    _exit(opened && other.TryLock().kind == StatusKind::kBusy ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  file.Close();
  CHECK_FALSE(OpeningUnlocks(path));
}

TEST_CASE("a state directory that others may write to is refused") {
  const TestDirectory directory;
  const std::string path = directory.File("x/y/z/");
  REQUIRE(EnsureDirectory(path).ok());
  REQUIRE(EnsureDirectory(path).ok());
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  REQUIRE(chmod(path.c_str(), 0777) == 0);
  CHECK(EnsureDirectory(path).kind == StatusKind::kInvalid);
  REQUIRE(symlink("x", directory.File("link").c_str()) == 0);
  CHECK(EnsureDirectory(directory.File("link")).kind == StatusKind::kInvalid);
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

TEST_CASE("the state directory follows the environment, absolute paths only") {
  std::string path;
  setenv("HOME", "/somewhere", 1);
  setenv("XDG_STATE_HOME", "relative", 1);
  REQUIRE(DefaultStateDirectory(&path).ok());
  CHECK(path == "/somewhere/.local/state/whydrop");
  setenv("XDG_STATE_HOME", "/state", 1);
  REQUIRE(DefaultStateDirectory(&path).ok());
  CHECK(path == "/state/whydrop");
}
