#include "crash_child.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "platform/ring_storage.h"

namespace {

namespace platform = whydrop::platform;

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

CrashResult* shared = nullptr;
std::string arrangement;
struct sigaction before_us[65];
sigjmp_buf way_out;
void* guard_page = nullptr;

bool OnCrash(const platform::CrashFacts& facts) {
  if (shared->sink_calls.fetch_add(1) == 0) shared->first = facts;
  return true;
}
void OnReturned(uint64_t) { shared->returned_calls.fetch_add(1); }

void Record(int signal, const siginfo_t* info) {
  shared->handler_calls.fetch_add(1);
  shared->handler_signal = signal;
  if (info == nullptr) return;
  shared->handler_code = info->si_code;
  shared->handler_address = reinterpret_cast<uint64_t>(info->si_addr);
}

void OtherHandler(int signal, siginfo_t* info, void* context) {
  Record(signal, info);
  if (arrangement == "exits") _exit(42);
  if (arrangement == "longjmp") siglongjmp(way_out, 1);
  if (arrangement == "resethand") return;
  if (arrangement == "fixes") {
    mprotect(guard_page, 4096, PROT_READ | PROT_WRITE);
    return;
  }
  if (arrangement == "after_chaining" && before_us[signal].sa_handler != SIG_DFL) {
    before_us[signal].sa_sigaction(signal, info, context);
    return;
  }
  std::signal(signal, SIG_DFL);
  // One that chains hands the signal on to the default action as well, which our handler does for it.
  if (arrangement == "reraises" || arrangement == "after_chaining") raise(signal);
}

void PlainHandler(int signal) {
  Record(signal, nullptr);
  std::signal(signal, SIG_DFL);
}

void InstallOther() {
  for (const int signal : kSignals) {
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    action.sa_sigaction = OtherHandler;
    if (arrangement == "resethand") action.sa_flags |= static_cast<int>(SA_RESETHAND);
    if (arrangement == "plain") {
      action.sa_flags = SA_ONSTACK;
      action.sa_handler = PlainHandler;
    }
    if (arrangement == "ignores") {
      action.sa_flags = 0;
      action.sa_handler = SIG_IGN;
    }
    sigaction(signal, &action, &before_us[signal]);
  }
}

struct Base {
  virtual ~Base() { Call(); }
  void Call() { Pure(); }
  virtual void Pure() = 0;
};
struct Derived : Base {
  void Pure() override {}
};

volatile int sink_of_depth = 0;
volatile int deepest = 1 << 30;
int Overflow(int depth) {
  volatile char frame[1024];
  frame[0] = static_cast<char>(depth);
  if (depth == deepest) return 0;
  const int below = Overflow(depth + 1);
  sink_of_depth = below + frame[0];
  return below + 1;
}

void BusError() {
  char name[] = "/tmp/whydrop-bus-XXXXXX";
  const int fd = mkstemp(name);
  unlink(name);
  if (ftruncate(fd, 4096) != 0) _exit(99);
  auto* memory = static_cast<volatile char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  if (ftruncate(fd, 0) != 0) _exit(99);
  memory[0] = 1;
}

void Throw() { throw std::runtime_error("not caught"); }
void CallNoexcept(void (*function)()) noexcept { function(); }

void NullWrite() {
  int* volatile nowhere = nullptr;
  *const_cast<volatile int*>(nowhere) = 1;
}

void WildJump() {
  const uintptr_t wild = 0x100000000000;
  void (*target)() = nullptr;
  memcpy(&target, &wild, sizeof(target));
  target();
}

void Divide() {
  volatile int zero = 0;
  volatile int seven = 7;
  sink_of_depth = seven / zero;
}

// A ring's file is cut: no crash at all, and nothing noted.
void RingCut() {
  const std::string path = "/dev/shm/whydrop-cut-" + std::to_string(getpid());
  platform::RingStorage storage;
  if (!storage.CreateAs(platform::StorageMode::kMapped, path, 8192).ok()) _exit(99);
  if (truncate(path.c_str(), 0) != 0) _exit(99);
  *const_cast<volatile uint8_t*>(storage.data() + 100) = 1;
  storage.Discard();
}

void ChildOfVfork() {
  const pid_t child = vfork();
  if (child == 0) {
    raise(SIGSEGV);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  _exit(WIFSIGNALED(status) ? 50 + WTERMSIG(status) : 49);
}

// A child that starts anew, as a session of its own would.
void ChildOfFork() {
  const pid_t child = fork();
  if (child == 0) {
    if (!platform::InstallCrashHooks({OnCrash, OnReturned}).ok()) _exit(1);
    raise(SIGSEGV);
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  _exit(WIFSIGNALED(status) ? 50 + WTERMSIG(status) : 49);
}

__attribute__((noinline)) void Crash(const std::string& cause) {
  if (cause == "null_write") NullWrite();
  if (cause == "wild_jump") WildJump();
  if (cause == "divide") Divide();
  if (cause == "trap") __builtin_trap();
#if defined(__x86_64__)
  if (cause == "illegal") __asm__ volatile("ud2");
  if (cause == "breakpoint") __asm__ volatile("int3");
  if (cause == "non_canonical") *reinterpret_cast<volatile int*>(0x8000000000000000) = 1;
#endif
  if (cause == "abort") abort();
  if (cause == "exception") CallNoexcept(Throw);
  if (cause == "pure_virtual") Derived();
  if (cause == "double_free") {
    void* volatile memory = malloc(64);
    void* again = memory;
    free(memory);
    free(again);
  }
  if (cause == "stack_overflow") Overflow(0);
  if (cause == "raise") raise(SIGSEGV);
  if (cause == "bus_error") BusError();
  if (cause == "guard_page") *static_cast<volatile char*>(guard_page) = 1;
  if (cause == "ring_cut") RingCut();
  if (cause == "vfork_child") ChildOfVfork();
  if (cause == "fork_child") ChildOfFork();
  if (cause == "at_exit") {
    atexit(NullWrite);
    exit(0);
  }
}

void* CrashOnThread(void* cause) {
  platform::AttachThreadForCrashes();
  if (sigsetjmp(way_out, 1) == 0) {
    Crash(*static_cast<std::string*>(cause));
  } else {
    _exit(43);
  }
  return nullptr;
}

}  // namespace

int RunCrashChild(char** arguments, CrashResult* result) {
  alarm(20);
  shared = result;
  std::string cause = arguments[0];
  arrangement = arguments[1];
  const bool worker = std::string(arguments[2]) == "worker";
  const bool hooks = std::string(arguments[3]) == "hooks";
  guard_page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool after = arrangement.compare(0, 5, "after") == 0;
  if (arrangement != "none" && !after) InstallOther();
  if (hooks && !platform::InstallCrashHooks({OnCrash, OnReturned}).ok()) return 98;
  if (after) InstallOther();
  if (worker) {
    pthread_t thread;
    pthread_create(&thread, nullptr, CrashOnThread, &cause);
    pthread_join(thread, nullptr);
  } else {
    CrashOnThread(&cause);
  }
  return 0;
}
