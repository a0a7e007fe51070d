// Clock, identity, worker and process.
#include "platform/process.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "platform/clock.h"
#include "platform/identity.h"
#include "platform/last_error.h"
#include "platform/worker.h"
#include "support/child.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

void TellWhoItIs() {
  const ProcessIdentity self = CurrentProcess();
  Child::Tell(std::to_string(self.pid) + " " + std::to_string(self.start_time) + " " +
              std::to_string(self.pid_namespace));
}

}  // namespace

CHILD_ROLE(tells_who_it_is) {
  TellWhoItIs();
  Child::AwaitParent();
  return 0;
}

// Not for ever: nothing is left of a test that fails either.
CHILD_ROLE(works_on) {
  TellWhoItIs();
  std::this_thread::sleep_for(std::chrono::minutes(10));
  return 0;
}

CHILD_ROLE(has_a_child_that_works_on) {
  Child child = Child::InRole("works_on", {});
  Child::Tell(child.ReadLine());
  Child::AwaitParent();
  return 0;
}

CHILD_ROLE(exits_with_a_hook) {
  RunAtExit([] { Child::Tell("hook"); });
  if (arguments.at(0) == "exit") std::exit(3);
  if (arguments.at(0) == "from main") return 3;
  std::abort();
}

namespace {

ProcessIdentity ParseIdentity(const std::string& line) {
  ProcessIdentity identity;
  char* at = nullptr;
  identity.pid = strtoull(line.c_str(), &at, 10);
  identity.start_time = strtoull(at, &at, 10);
  identity.pid_namespace = strtoull(at, nullptr, 10);
  return identity;
}

}  // namespace

TEST_CASE("the clocks run and agree with each other") {
  const uint64_t coarse = CoarseMonotonicMs();
  const uint64_t precise_ms = MonotonicNs() / 1000000;
  const uint64_t coarse_after = CoarseMonotonicMs();
  CHECK(precise_ms >= coarse);
  CHECK(coarse_after + 1000 >= precise_ms);
  CHECK(BootTimeMs() >= coarse);
  CHECK(WallUnixMs() > 1700000000000);
}

TEST_CASE("a process is told from a dead one and from another one with its pid") {
  const ProcessIdentity self = CurrentProcess();
  CHECK(self.start_time != 0);
  CHECK(CheckProcess(self) == Liveness::kAlive);
  ProcessIdentity other = self;
  ++other.start_time;
  CHECK(CheckProcess(other) == Liveness::kDead);

  Child child = Child::InRole("tells_who_it_is", {});
  const ProcessIdentity identity = ParseIdentity(child.ReadLine());
  CHECK(identity.pid != self.pid);
  CHECK(CheckProcess(identity) == Liveness::kAlive);
  child.Kill();
  child.Wait();
  CHECK(CheckProcess(identity) == Liveness::kDead);
  CHECK(CheckProcess({uint64_t{1} << 40, 1, self.pid_namespace}) == Liveness::kDead);
}

TEST_CASE("the child of a test that is killed ends too") {
  Child parent = Child::InRole("has_a_child_that_works_on", {});
  const ProcessIdentity child = ParseIdentity(parent.ReadLine());
  REQUIRE(CheckProcess(child) == Liveness::kAlive);
  parent.Kill();
  parent.Wait();
  const uint64_t deadline_ns = MonotonicNs() + uint64_t{60} * 1000000000;
  while (CheckProcess(child) == Liveness::kAlive && MonotonicNs() < deadline_ns) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(CheckProcess(child) == Liveness::kDead);
}

TEST_CASE("boot id and random bytes are there") {
  CHECK(BootId() != Id16{});
  CHECK(CompareBoots(BootId(), BootId()) == Boots::kSame);
  CHECK(CompareBoots(BootId(), Id16{}) == Boots::kUnknown);
  CHECK(MachineId() == MachineId());
  Id16 first = {};
  Id16 second = {};
  REQUIRE(RandomBytes(first.data(), first.size()).ok());
  REQUIRE(RandomBytes(second.data(), second.size()).ok());
  CHECK(first != second);
}

TEST_CASE("an exit hook runs when the process ends in order") {
  for (const char* end : {"exit", "from main"}) {
    CAPTURE(end);
    Child child = Child::InRole("exits_with_a_hook", {end});
    CHECK(child.ReadLine() == "hook");
    CHECK(child.Wait() == 3);
  }
}

TEST_CASE("memory that no child inherits is made once") {
  void* page = WipedOnForkPage(sizeof(int));
  REQUIRE(page != nullptr);
  CHECK(WipedOnForkPage(1) == page);
  CHECK_FALSE(OtherThreadsWereEnded());
}

TEST_CASE("the last error is kept") {
  errno = 77;
  {
    const LastErrorKeeper keep;
    errno = 5;
  }
  CHECK(errno == 77);
}

namespace {

struct Shared {
  Waiter go;
  std::atomic<bool> leave{false};
  std::atomic<uint64_t> thread{0};
};

void Body(void* user) {
  auto* shared = static_cast<Shared*>(user);
  shared->thread = CurrentThreadId();
  while (!shared->leave) shared->go.Wait(60000, -1);
}

}  // namespace

TEST_CASE("a worker is joined or given up, and runs on a thread of its own") {
  Shared shared;
  REQUIRE(shared.go.Open().ok());
  WorkerThread worker;
  REQUIRE(worker.Start("a rather long name", Body, &shared).ok());
  CHECK_FALSE(worker.Start("second", Body, &shared).ok());
  CHECK_FALSE(worker.Join(20));
  CHECK(worker.started());
  shared.leave = true;
  shared.go.Wake();
  CHECK(worker.Join(20000));
  CHECK_FALSE(worker.started());
  CHECK(shared.thread != 0);
  CHECK(shared.thread != CurrentThreadId());
}

TEST_CASE("a waiter that was woken before does not wait, and a wake counts once") {
  Waiter waiter;
  REQUIRE(waiter.Open().ok());
  waiter.Wake();
  waiter.Wake();
  const uint64_t start = MonotonicNs();
  waiter.Wait(30000, -1);
  CHECK(MonotonicNs() - start < 10000000000);
  const uint64_t again = MonotonicNs();
  waiter.Wait(30, -1);
  CHECK(MonotonicNs() - again >= 29000000);
}
