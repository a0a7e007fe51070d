// What only Linux has: forks, signal handlers, descriptors that can be counted.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "ring/ring_layout.h"
#include "session/session.h"
#include "session_fixture.h"
#include "support/child.h"

using whydrop_test::CallEverything;
using whydrop_test::OpenTcp;
using whydrop_test::Started;
using whydrop_test::Stats;
using whydrop_test::TempDir;

namespace {
constexpr uint64_t kSlowDiskMs = 3000;
std::atomic<bool> disk_is_slow{false};
std::atomic<int> syncs{0};
}  // namespace

// Stands before the system's.
extern "C" int msync(void* address, size_t size, int flags) {
  if (disk_is_slow.load()) std::this_thread::sleep_for(std::chrono::milliseconds(kSlowDiskMs));
  syncs.fetch_add(1);
  return static_cast<int>(syscall(SYS_msync, address, size, flags));
}

TEST_CASE("a disk that takes its time is not told as a machine that was suspended") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  REQUIRE(Stats().storage == WHYDROP_STORAGE_MAPPED);
  const whydrop::LifePage* life = whydrop::Session::Current()->writer().life();
  // The ring is synced every 120 pulses, and each flush has two of them. The last ones come by themselves: work that a
  // flush gives the worker is no suspend either.
  const int before = syncs.load();
  while (syncs.load() == before) REQUIRE(whydrop_flush(60000) == WHYDROP_OK);
  for (int i = 0; i < 55; ++i) REQUIRE(whydrop_flush(60000) == WHYDROP_OK);
  disk_is_slow.store(true);
  const int until = syncs.load() + 1;
  while (syncs.load() < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  disk_is_slow.store(false);
  const uint64_t synced_ms = life->tick_ms.load();
  while (life->tick_ms.load() < synced_ms + kSlowDiskMs + 250) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(life->suspend_length_ms.load() < kSlowDiskMs);
}

namespace {

// A worker that stop did not wait for goes on for a moment.
void AwaitWorkersEnd() {
  const auto is_there = [] {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::getline(std::ifstream(task.path() / "comm"), name);
      if (name == "whydrop") return true;
    }
    return false;
  };
  while (is_there()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

TEST_CASE("sessions that come and go leave no descriptor behind") {
  auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);  // what stays for the life of the process is made once
  whydrop_flush(20000);
  whydrop_stop();
  REQUIRE(session.Start() == WHYDROP_OK);
  whydrop_flush(20000);
  whydrop_stop();
  AwaitWorkersEnd();
  const auto before = descriptors();
  for (int i = 0; i < 10; ++i) {
    REQUIRE(session.Start() == WHYDROP_OK);
    whydrop_flush(20000);
    whydrop_stop();
  }
  AwaitWorkersEnd();
  // The ring of a session whose worker stop did not wait for is closed by the next start.
  CHECK(descriptors() <= before + 1);
}

// In a process of its own, where nothing that an earlier session held can become free meanwhile.
CHILD_ROLE(asks_from_its_log_callback) {
  {
    // A sanitizer needs descriptors for its first look at an object of each type.
    Started before(arguments.at(0) + "/before");
    if (before.Start() != WHYDROP_OK) return 89;
    whydrop_flush(20000);
  }
  AwaitWorkersEnd();
  Started session(arguments.at(0));
  static std::atomic<int> answers;
  static const std::thread::id starter = std::this_thread::get_id();
  session.config.log = [](int32_t, const char*, void*) {
    if (std::this_thread::get_id() == starter) return;
    whydrop_last_session last = {};
    last.struct_size = sizeof last;
    // The worker may be here before the start is done.
    while (whydrop_get_last_session(&last) == WHYDROP_ERROR_NOT_STARTED) std::this_thread::yield();
    answers.fetch_add(1);
  };
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(lowest);
  // The ring's file, and one more for a moment: what the worker waits on would need two.
  const rlimit tight = {static_cast<rlim_t>(lowest) + 2, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &tight) != 0) return 90;
  if (session.Start() != WHYDROP_OK) return 91;
  whydrop_flush(20000);
  // Ends at once: a sanitizer's last look would need descriptors, and takes a worker that stop did not wait for for a leak.
  _exit(answers.load() > 0 ? 0 : 92);
}

TEST_CASE("a log callback may ask the session what it likes, also when no descriptor is left") {
  const TempDir dir;
  Child child = Child::InRole("asks_from_its_log_callback", {dir.path()});
  const std::string said = child.ReadAll();
  CAPTURE(said);
  CHECK(child.Wait() == 0);
}

TEST_CASE("the game's crash handlers stay where they are if it asks for that") {
  TempDir dir;
  Started session(dir.path());
  session.config.flags = WHYDROP_FLAG_NO_CRASH_HANDLER | WHYDROP_FLAG_NO_NETWORK_WATCH;
  struct sigaction before = {}, during = {};
  sigaction(SIGSEGV, nullptr, &before);
  REQUIRE(session.Start() == WHYDROP_OK);
  sigaction(SIGSEGV, nullptr, &during);
  CHECK((during.sa_handler == before.sa_handler));
  whydrop_thread_attach();
}

TEST_CASE("stop gives the signal handlers back") {
  TempDir dir;
  Started session(dir.path());
  struct sigaction before = {}, during = {}, after = {};
  sigaction(SIGSEGV, nullptr, &before);
  REQUIRE(session.Start() == WHYDROP_OK);
  sigaction(SIGSEGV, nullptr, &during);
  whydrop_stop();
  sigaction(SIGSEGV, nullptr, &after);
  CHECK((during.sa_sigaction != before.sa_sigaction));
  CHECK((after.sa_sigaction == before.sa_sigaction));
}

TEST_CASE("a forked child is inert, may start a session of its own, and the parent goes on") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  const whydrop_conn conn = OpenTcp();
  const pid_t child = fork();
  if (child == 0) {
    whydrop_stats stats = {};
    stats.struct_size = sizeof stats;
    bool good = whydrop_get_stats(&stats) == WHYDROP_ERROR_NOT_STARTED;
    CallEverything(conn);
    whydrop_note_exit(WHYDROP_EXIT_USER);
    whydrop_mark_crash(11, "child");
    whydrop_stop();
    good = good && OpenTcp() == 0;
#if !defined(__SANITIZE_THREAD__)  // which allows no new thread in a forked child
    good = good && whydrop_start(&session.config) == WHYDROP_OK;
    const whydrop_conn own = OpenTcp();
    good = good && own != 0 && own != conn;
    good = good && whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_UNKNOWN;
    whydrop_stop();
#endif
    _exit(good ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(Stats().struct_size != 0);
  CHECK(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_LOCAL_CLOSE);
  // Neither the child's calls nor its stop touched the parent's ring.
  for (const std::string& path : dir.Files(".ring")) CHECK(std::filesystem::file_size(path) > 0);
  whydrop_stats stats = {};
  stats.struct_size = sizeof stats;
  CHECK(whydrop_get_stats(&stats) == WHYDROP_OK);
}

TEST_CASE("a child of vfork that crashes leaves no marker with its parent") {
  TempDir dir;
  Started session(dir.path());
  REQUIRE(session.Start() == WHYDROP_OK);
  // posix_spawn shares the memory with its child like vfork until exec; this one execs and then kills itself.
  char shell[] = "/bin/sh", option[] = "-c", script[] = "kill -SEGV $$";
  char* const arguments[] = {shell, option, script, nullptr};
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, shell, nullptr, nullptr, arguments, nullptr) == 0);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  const std::string ring = dir.OnlyRing();
  REQUIRE(ring.size() > sizeof(whydrop::LifePage) + whydrop::kHeaderBytes);
  uint32_t marker = 0;
  std::memcpy(&marker, ring.data() + whydrop::kHeaderBytes + offsetof(whydrop::LifePage, crash), sizeof marker);
  CHECK(marker == 0);
}
