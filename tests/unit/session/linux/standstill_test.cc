// What a session makes of its clocks when they jump while its worker waits, and of a stop that is real.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include "session/session.h"
#include "session_fixture.h"
#include "support/child.h"

using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

std::atomic<uint64_t> monotonic_jump_ms{0}, boot_jump_ms{0}, starved_ms{0};
// The same, as of the end of the worker's next wait: no pulse is under way then.
struct {
  uint64_t monotonic_ms = 0, boot_ms = 0, starved_ms = 0;
} next;
std::atomic<bool> is_next{false};

bool IsWorker() {
  char name[16] = {};
  prctl(PR_GET_NAME, name);
  return strcmp(name, "whydrop") == 0;
}

void Advance(timespec* time, uint64_t by_ms) {
  time->tv_sec += static_cast<time_t>(by_ms / 1000);
  time->tv_nsec += static_cast<long>(by_ms % 1000 * 1000000);
  if (time->tv_nsec < 1000000000) return;
  ++time->tv_sec;
  time->tv_nsec -= 1000000000;
}

}  // namespace

// These stand before the system's.
extern "C" int clock_gettime(clockid_t clock, timespec* time) {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (clock == CLOCK_MONOTONIC_COARSE) Advance(time, monotonic_jump_ms.load());
  if (clock == CLOCK_BOOTTIME) Advance(time, boot_jump_ms.load());
  return result;
}

extern "C" int poll(pollfd* descriptors, nfds_t count, int timeout_ms) {
  const timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
  const auto result =
      static_cast<int>(syscall(SYS_ppoll, descriptors, count, timeout_ms < 0 ? nullptr : &timeout, nullptr, 0));
  if (is_next.load() && IsWorker()) {
    monotonic_jump_ms = next.monotonic_ms;
    boot_jump_ms = next.boot_ms;
    starved_ms = next.starved_ms;
    is_next = false;
  }
  return result;
}

extern "C" int open(const char* path, int flags, ...) {
  va_list words;
  va_start(words, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(words, mode_t) : 0;
  va_end(words);
  if (starved_ms.load() == 0 || strcmp(path, "/proc/thread-self/schedstat") != 0) {
    return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  }
  const int file = memfd_create("schedstat", MFD_CLOEXEC);
  const std::string line = "1 " + std::to_string(starved_ms.load() * 1000000) + " 1\n";
  return pwrite(file, line.data(), line.size(), 0) == static_cast<ssize_t>(line.size()) ? file : -1;
}

namespace {

// A session whose worker is at rest after its first pulses: a gap while it has work is no sign of anything.
class Resting {
 public:
  explicit Resting(const std::string& directory) : session_(directory) {
    REQUIRE(session_.Start() == WHYDROP_OK);
    REQUIRE(whydrop_flush(60000) == WHYDROP_OK);
    AwaitPulse(NowMs() + 600);
  }
  static uint64_t NowMs() { return whydrop::Session::Current()->writer().NowMs(); }
  static void AwaitPulse(uint64_t after_ms) {
    const whydrop::LifePage* life = whydrop::Session::Current()->writer().life();
    while (life->tick_ms.load() <= after_ms) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  static std::string StoodStillMs() {
    return std::to_string(whydrop::Session::Current()->writer().life()->suspend_length_ms.load());
  }

 private:
  Started session_;
};

}  // namespace

CHILD_ROLE(sees_its_clocks_jump) {
  const Resting session(arguments.at(0));
  next = {std::stoul(arguments.at(1)), std::stoul(arguments.at(2)), std::stoul(arguments.at(3))};
  is_next = true;
  while (is_next) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  Resting::AwaitPulse(Resting::NowMs() + 10);
  Child::Tell(Resting::StoodStillMs());
  return 0;
}

// Tells after each stop of the process that takes at least so many milliseconds.
CHILD_ROLE(tells_of_its_stops) {
  const Resting session(arguments.at(0));
  uint64_t now_ms = Resting::NowMs();
  Child::Tell("rests");
  for (size_t i = 1; i < arguments.size(); ++i) {
    for (uint64_t last_ms = now_ms; now_ms < last_ms + std::stoul(arguments[i]);) {
      last_ms = now_ms;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      now_ms = Resting::NowMs();
    }
    Resting::AwaitPulse(now_ms + 10);
    now_ms = Resting::NowMs();
    Child::Tell(Resting::StoodStillMs());
  }
  return 0;
}

TEST_CASE("a worker without a processor is told from a machine that was suspended and from a process that was stopped") {
  const auto stood_still_ms = [](const char* monotonic_ms, const char* boot_ms, const char* starved) {
    TempDir dir;
    return std::stoul("0" + Child::InRole("sees_its_clocks_jump", {dir.path(), monotonic_ms, boot_ms, starved}).ReadLine());
  };
  const uint64_t suspended_ms = stood_still_ms("0", "9000", "0");
  CHECK(suspended_ms >= 9000);
  CHECK(suspended_ms < 60000);
  CHECK(stood_still_ms("9000", "9000", "0") >= 9000);
  CHECK(stood_still_ms("9000", "9000", "9000") == 0);
  CHECK(stood_still_ms("1500", "1500", "0") == 0);
}

TEST_CASE("a process that is stopped for two seconds was not suspended, one that is stopped for much longer was frozen") {
  TempDir dir;
  Child child = Child::InRole("tells_of_its_stops", {dir.path(), "1800", "4800"});
  REQUIRE(child.ReadLine() == "rests");
  // The times themselves are what is tested.
  const auto stop_for = [&child](int ms) {
    kill(static_cast<pid_t>(child.pid()), SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    kill(static_cast<pid_t>(child.pid()), SIGCONT);
    return std::stoul("0" + child.ReadLine());
  };
  CHECK(stop_for(2000) == 0);
  const uint64_t frozen_ms = stop_for(5000);
  CHECK(frozen_ms >= 3000);
  CHECK(frozen_ms < 60000);
}
