// What only Linux has: zombies, pid namespaces, forks, signals, counters of the kernel.
#include "platform/process.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>

#include "platform/clock.h"
#include "platform/identity.h"
#include "platform/worker.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

TEST_CASE("a zombie is dead, and a process of another namespace cannot be told") {
  prctl(PR_SET_NAME, "a) b (c 1 2", 0, 0, 0);  // must not confuse the reader of the stat line
  const ProcessIdentity self = CurrentProcess();
  CHECK(CheckProcess(self) == Liveness::kAlive);
  ProcessIdentity other = self;
  ++other.pid_namespace;
  CHECK(CheckProcess(other) == Liveness::kUnknown);

  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const ProcessIdentity mine = CurrentProcess();
    _exit(write(ready[1], &mine, sizeof(mine)) == sizeof(mine) ? 0 : 1);
  }
  ProcessIdentity dead;
  REQUIRE(read(ready[0], &dead, sizeof(dead)) == sizeof(dead));
  siginfo_t info = {};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(CheckProcess(dead) == Liveness::kDead);  // a zombie
  waitpid(child, nullptr, 0);
  CHECK(CheckProcess(dead) == Liveness::kDead);
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("a forked child reads zeros where the parent left a mark") {
  auto* mark = static_cast<std::atomic<int>*>(WipedOnForkPage(sizeof(std::atomic<int>)));
  REQUIRE(mark != nullptr);
  CHECK(WipedOnForkPage(4) == mark);
  mark->store(5);
  const pid_t child = fork();
  if (child == 0) _exit(mark->load() == 0 ? 0 : 1);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(mark->load() == 5);
}

TEST_CASE("the system's counters can be read") {
  uint64_t value = 0;
  CHECK(OutOfMemoryKills(&value));
  CHECK(NoRouteDrops(&value));
  CHECK(RefusedRetransmits(&value));
}

namespace {

void StayOn(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  REQUIRE(sched_setaffinity(0, sizeof set, &set) == 0);
}

uint64_t Waited() {
  uint64_t waited_ms = 0;
  REQUIRE(WaitedForProcessorMs(&waited_ms));
  return waited_ms;
}

}  // namespace

TEST_CASE("a thread knows how long it had no processor, which is no part of what it slept") {
  constexpr uint64_t kSleepMs = 300;
  const int processor = sched_getcpu();
  std::atomic<bool> over{false};
  std::thread other([&] {
    StayOn(processor);
    while (!over) {
    }
  });
  std::thread([&] {
    StayOn(processor);
    const uint64_t before_ms = Waited();
    const uint64_t deadline_ns = MonotonicNs() + uint64_t{60} * 1000000000;
    while (Waited() < before_ms + 20 && MonotonicNs() < deadline_ns) {
    }
    CHECK(Waited() >= before_ms + 20);
  }).join();
  over = true;
  other.join();
  const uint64_t start_ns = MonotonicNs();
  const uint64_t before_ms = Waited();
  std::this_thread::sleep_for(std::chrono::milliseconds(kSleepMs));
  const uint64_t waited_ms = Waited() - before_ms;
  CHECK(waited_ms <= (MonotonicNs() - start_ns) / 1000000 - kSleepMs + 2);
}

TEST_CASE("exit hooks run at exit and at quick_exit") {
  for (const bool quick : {false, true}) {
    int channel[2];
    REQUIRE(pipe(channel) == 0);
    const pid_t child = fork();
    if (child == 0) {
      dup2(channel[1], 100);
      RunAtExit([] { _exit(write(100, "x", 1) == 1 ? 21 : 1); });
      quick ? quick_exit(0) : exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 21);
    close(channel[0]);
    close(channel[1]);
  }
}

TEST_CASE("a library is found by the first name that exists") {
  const char* const names[] = {"libdoes-not-exist.so.9", "libm.so.6"};
  CHECK(LoadLibraryByName(names, 1) == nullptr);
  void* library = LoadLibraryByName(names, 2);
  REQUIRE(library != nullptr);
  CHECK(FindSymbol(library, "cos") != nullptr);
  CHECK(FindSymbol(library, "no such function") == nullptr);
}

namespace {

struct Seen {
  sigset_t mask = {};
  char name[16] = {};
};

void LookAtSelf(void* user) {
  auto* seen = static_cast<Seen*>(user);
  pthread_sigmask(SIG_SETMASK, nullptr, &seen->mask);
  pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
}

}  // namespace

TEST_CASE("a waiter one of whose ends the game has closed waits its time instead of turning round and round") {
  // The lowest free numbers are what the waiter gets.
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  close(ends[1]);
  for (const int closed : ends) {
    Waiter waiter;
    REQUIRE(waiter.Open().ok());
    REQUIRE(close(closed) == 0);
    const uint64_t start = MonotonicNs();
    waiter.Wait(30, -1);
    CHECK(MonotonicNs() - start >= 29000000);
  }
}

TEST_CASE("a worker has a name, and blocks the game's signals but not faults") {
  Seen seen;
  WorkerThread worker;
  REQUIRE(worker.Start("a rather long name", LookAtSelf, &seen).ok());
  REQUIRE(worker.Join(20000));
  CHECK(std::string(seen.name) == "a rather long n");
  CHECK(sigismember(&seen.mask, SIGTERM) == 1);
  CHECK(sigismember(&seen.mask, SIGSEGV) == 0);
}
