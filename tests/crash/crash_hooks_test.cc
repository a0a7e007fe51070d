// The same program is run with and without the hooks: how it ends and what the other handler saw must be equal, and the
// sink must have seen the crash.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>

#include "crash_child.h"
#include "support/end_with_parent_linux.h"

using whydrop::platform::AddressClass;
using whydrop::platform::CrashKind;

namespace {

constexpr int kResultDescriptor = 100;

CrashResult* MapResult(int fd) {
  void* memory = mmap(nullptr, sizeof(CrashResult), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<CrashResult*>(memory);
}

struct Run {
  int status = -1;
  CrashResult* result = nullptr;
  Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() { munmap(result, sizeof(*result)); }
};

void RunChild(const char* cause, const char* arrangement, const char* where, const char* hooks, Run* run) {
  const int fd = memfd_create("crash-result", 0);
  REQUIRE(ftruncate(fd, sizeof(CrashResult)) == 0);
  run->result = MapResult(fd);
  REQUIRE(run->result != nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    EndWithParent(parent);
    dup2(fd, kResultDescriptor);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 2);
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    personality(ADDR_NO_RANDOMIZE);
    execl("/proc/self/exe", "crash_hooks_test", "--child", cause, arrangement, where, hooks, nullptr);
    _exit(97);
  }
  close(fd);
  REQUIRE(waitpid(child, &run->status, 0) == child);
}

struct Cause {
  const char* name;
  int signal;
  CrashKind kind;
  bool sent;           // raised by a call, not by a fault
  bool fixed_address;  // the same in every run
};

const Cause kCauses[] = {
    {"null_write", SIGSEGV, CrashKind::kFault, false, true},
    {"wild_jump", SIGSEGV, CrashKind::kFault, false, true},
#if defined(__x86_64__)
    {"divide", SIGFPE, CrashKind::kFault, false, false},
    {"illegal", SIGILL, CrashKind::kFault, false, false},
    {"breakpoint", SIGTRAP, CrashKind::kFault, false, false},
    {"non_canonical", SIGSEGV, CrashKind::kFault, false, true},
    {"trap", SIGILL, CrashKind::kFault, false, false},
#endif
    {"abort", SIGABRT, CrashKind::kAbort, true, false},
    {"exception", SIGABRT, CrashKind::kTerminate, true, false},
    {"pure_virtual", SIGABRT, CrashKind::kTerminate, true, false},
    {"double_free", SIGABRT, CrashKind::kAbort, true, false},
    {"stack_overflow", SIGSEGV, CrashKind::kStackOverflow, false, false},
    {"raise", SIGSEGV, CrashKind::kFault, true, false},
    {"bus_error", SIGBUS, CrashKind::kFault, false, false},
    {"at_exit", SIGSEGV, CrashKind::kFault, false, true},
};

void CheckPair(const Cause& cause, const char* arrangement, const char* where) {
  const std::string what = std::string(cause.name) + ", " + arrangement + ", " + where;
  CAPTURE(what);
  Run bare;
  Run hooked;
  RunChild(cause.name, arrangement, where, "bare", &bare);
  RunChild(cause.name, arrangement, where, "hooks", &hooked);
  CHECK(hooked.status == bare.status);
  CHECK(hooked.result->handler_calls == bare.result->handler_calls);
  CHECK(hooked.result->handler_signal == bare.result->handler_signal);
  CHECK(hooked.result->handler_code == bare.result->handler_code);
  if (cause.fixed_address) CHECK(hooked.result->handler_address == bare.result->handler_address);
  const std::string name = arrangement;
  const bool records = name != "none" && name != "ignores";
  CHECK(bare.result->handler_calls == (records ? 1 : 0));
  // std::terminate is seen before any signal.
  const bool seen =
      cause.kind == CrashKind::kTerminate || (name != "after_not_chaining" && !(name == "ignores" && cause.sent));
  CHECK((hooked.result->sink_calls > 0) == seen);
  if (!seen) return;
  CHECK(hooked.result->first.kind == cause.kind);
  CHECK(hooked.result->first.code == static_cast<uint32_t>(cause.signal));
}

}  // namespace

TEST_CASE("a program ends the same with the hooks, whatever crashes and whoever else handles it") {
  for (const Cause& cause : kCauses) {
    for (const char* arrangement : {"none", "exits", "defaults", "plain", "longjmp", "resethand", "reraises", "ignores",
                                    "after_chaining", "after_not_chaining"}) {
      // A jump out of an exit handler or of the allocator's own abort is undefined.
      if (std::string(arrangement) == "longjmp" && std::string(cause.name) == "at_exit") continue;
      for (const char* where : {"main", "worker"}) CheckPair(cause, arrangement, where);
    }
  }
}

TEST_CASE("the sink learns where it crashed") {
  Run run;
  RunChild("null_write", "none", "main", "hooks", &run);
  CHECK(run.result->first.address_class == AddressClass::kNearNull);
  CHECK(std::string(run.result->first.module) == "crash_hooks_test");
  CHECK(run.result->first.offset != 0);
  CHECK(run.result->first.stack_pointer != 0);
  CHECK(run.result->first.signal_code == SEGV_MAPERR);
#if defined(__x86_64__)
  Run wild;
  RunChild("non_canonical", "none", "main", "hooks", &wild);
  CHECK(wild.result->first.address_class == AddressClass::kNonCanonical);
#endif
}

TEST_CASE("a handler that repairs the fault goes on, and the sink is told that it returned") {
  Run run;
  RunChild("guard_page", "fixes", "worker", "hooks", &run);
  CHECK(WIFEXITED(run.status));
  CHECK(WEXITSTATUS(run.status) == 0);
  CHECK(run.result->handler_calls == 1);
  CHECK(run.result->sink_calls == 1);
  CHECK(run.result->returned_calls == 1);
}

TEST_CASE("a ring file cut by somebody else is no crash") {
  Run run;
  RunChild("ring_cut", "none", "main", "hooks", &run);
  CHECK(WIFEXITED(run.status));
  CHECK(WEXITSTATUS(run.status) == 0);
  CHECK(run.result->sink_calls == 0);
}

TEST_CASE("a child of vfork that crashes is not noted as ours") {
  Run run;
  RunChild("vfork_child", "none", "main", "hooks", &run);
  CHECK(WIFEXITED(run.status));
  CHECK(WEXITSTATUS(run.status) == 50 + SIGSEGV);
  CHECK(run.result->sink_calls == 0);
}

TEST_CASE("a forked child may install the hooks again, and its crash is noted once") {
  Run run;
  RunChild("fork_child", "none", "main", "hooks", &run);
  CHECK(WIFEXITED(run.status));
  CHECK(WEXITSTATUS(run.status) == 50 + SIGSEGV);
  CHECK(run.result->sink_calls == 1);
}

TEST_CASE("displacement is noticed, and a hook that others chained to stays inert") {
  static int calls = 0;
  const auto count = [](const whydrop::platform::CrashFacts&) {
    ++calls;
    return true;
  };
  struct sigaction original = {};
  sigaction(SIGFPE, nullptr, &original);
  REQUIRE(whydrop::platform::InstallCrashHooks({count, [](uint64_t) {}}).ok());
  CHECK(whydrop::platform::DisplacedCrashHook() == 0);
  struct sigaction other = {};
  other.sa_handler = SIG_IGN;
  struct sigaction ours = {};
  sigaction(SIGFPE, &other, &ours);
  CHECK(whydrop::platform::DisplacedCrashHook() == SIGFPE);
  whydrop::platform::UninstallCrashHooks();
  struct sigaction now = {};
  sigaction(SIGFPE, nullptr, &now);
  const bool kept = now.sa_handler == SIG_IGN;
  CHECK(kept);
  sigaction(SIGSEGV, nullptr, &now);
  const bool restored = now.sa_sigaction != ours.sa_sigaction;
  CHECK(restored);
  sigaction(SIGFPE, &original, nullptr);
  CHECK(calls == 0);
}

int main(int argc, char** argv) {
  if (argc == 6 && strcmp(argv[1], "--child") == 0) {
    CrashResult* result = MapResult(kResultDescriptor);
    return result == nullptr ? 96 : RunCrashChild(argv + 2, result);
  }
  return doctest::Context(argc, argv).run();
}
