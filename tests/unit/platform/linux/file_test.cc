// What only Linux has: modes, links, pipes, locks that belong to the process, the environment.
#include "platform/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

Status Put(const std::string& path, const std::string& text) { return WriteDurably(path, text.data(), text.size()); }

}  // namespace

TEST_CASE("a file is the user's alone") {
  const TestDirectory directory;
  REQUIRE(Put(directory.File("a"), "one").ok());
  struct stat info = {};
  REQUIRE(stat(directory.File("a").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
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
  FileFacts facts;
  CHECK(LookAt(directory.File("symbolic"), &facts).kind == StatusKind::kInvalid);
  CHECK(LookAt(directory.File("pipe"), &facts).kind == StatusKind::kInvalid);
  REQUIRE(link(directory.File("a").c_str(), directory.File("second").c_str()) == 0);
  CHECK(File::OpenExisting(directory.File("a"), File::Mode::kRead, &file).kind == StatusKind::kInvalid);
}

TEST_CASE("a file that took the number of a closed one is neither written to, synced nor closed") {
  const TestDirectory directory;
  File file;
  REQUIRE(File::CreateNew(directory.File("ours"), &file).ok());
  REQUIRE(file.Sync().ok());
  const int number = static_cast<int>(file.handle());
  REQUIRE(close(number) == 0);
  REQUIRE(open(directory.File("game's").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600) == number);
  CHECK(file.WriteAt(0, "x", 1).kind == StatusKind::kIo);
  CHECK(file.Sync().kind == StatusKind::kIo);
  file.Close();
  CHECK(lseek(number, 0, SEEK_END) == 0);
  CHECK(close(number) == 0);
}

TEST_CASE("asking whether opening would unlock a file does not unlock it") {
  const TestDirectory directory;
  const std::string path = directory.File("locked");
  File file;
  REQUIRE(File::CreateNew(path, &file).ok());
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
