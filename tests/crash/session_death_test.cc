// Children that really die, and what the next launch says of them. This program re-executes itself by name: a child
// starts a session in the given directory and dies as told; a second child starts there again and prints what the
// session before it came to.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../unit/session/session_fixture.h"
#include "respawn.h"
#include "session/session.h"

using whydrop_test::OutputOf;
using whydrop_test::Spawn;
using whydrop_test::TempDir;
using whydrop_test::Wait;

namespace {

struct Death {
  const char* name;
  int32_t end;    // what the next launch must say
  uint32_t code;  // its signal
  void (*die)();
  void (*before_start)() = nullptr;
};

void Segfault() {
  volatile int* volatile nowhere = nullptr;  // a compiler that knew it to be null would leave the store out
  *nowhere = 1;
}

int Overflow(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : Overflow(depth + 1) + frame[0];
}

void WaitForWorker() {
  // The flush returns when the worker has run once: only then is a tick beside the heartbeat.
  whydrop_flush(40000);
}

void HangThenKill() {
  WaitForWorker();
  whydrop_heartbeat();
  // Until the main loop has stood still for longer than the limit by the worker's signs of life. Where the worker too had
  // to stand still, the time counts from there on.
  whydrop::Session* session = whydrop::Session::Current();
  const whydrop::LifePage* life = session == nullptr ? nullptr : session->writer().life();
  while (life != nullptr && life->tick_ms.load() < std::max(life->heartbeat_ms.load(), life->suspend_end_ms.load()) + 5500) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  kill(getpid(), SIGKILL);
}

// Stopped as a debugger stops it, for longer than a hang takes, and killed before the main loop runs again.
void StopThenKill() {
  WaitForWorker();
  whydrop_heartbeat();
  const pid_t self = getpid();
  if (fork() == 0) {
    // The times themselves are what is tested. The worker rests first: a gap in its work is no sign of anything.
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    kill(self, SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(6500));
    kill(self, SIGCONT);
    std::this_thread::sleep_for(std::chrono::milliseconds(800));
    kill(self, SIGKILL);
    _exit(0);
  }
  while (true) pause();
}

// What game handlers commonly do: give the signal back to the system, then return or raise it again.
void ResetAndReturn(int signal_number) { signal(signal_number, SIG_DFL); }
void ResetAndRaise(int signal_number) {
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

// A reporter that is there before us and puts itself over us again, with us as the one it calls next.
struct sigaction next_handler;
void CallNext(int signal_number, siginfo_t* info, void* context) {
  const bool itself = next_handler.sa_sigaction == CallNext;
  if (itself || next_handler.sa_handler == SIG_DFL) {
    signal(signal_number, SIG_DFL);
  } else {
    next_handler.sa_sigaction(signal_number, info, context);
  }
}
void InstallCallNext() {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  action.sa_sigaction = CallNext;
  sigaction(SIGABRT, &action, &next_handler);
}

// The game's own handler goes on talking to us on its way out.
void MarkAndGoOn(int signal_number) {
  whydrop_mark_crash(static_cast<uint32_t>(signal_number), "minidump-2");
  whydrop_heartbeat();
  whydrop_note_exit(WHYDROP_EXIT_USER);
  _exit(5);
}

const Death kDeaths[] = {
    {"segfault_main", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV, Segfault},
    {"segfault_worker", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV, [] { std::thread(Segfault).join(); }},
    {"abort", WHYDROP_CAUSE_CLIENT_CRASH, SIGABRT, [] { abort(); }},
    {"exception", WHYDROP_CAUSE_CLIENT_CRASH, SIGABRT,
     [] { std::thread([] { throw std::runtime_error("uncaught"); }).join(); }},
    {"overflow_attached", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV,
     [] {
       std::thread([] {
         whydrop_thread_attach();
         Overflow(0);
       }).join();
     }},
    // What is registered before start runs after the session's own hook.
    {"exit_crash", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV, [] { exit(0); }, [] { atexit(Segfault); }},
    {"exit_marked", WHYDROP_CAUSE_CLIENT_CRASH, 43, [] { exit(0); },
     [] {
       atexit([] {
         whydrop_mark_crash(43, "minidump-3");
         _exit(3);
       });
     }},
    {"marked", WHYDROP_CAUSE_CLIENT_CRASH, 42,
     [] {
       whydrop_mark_crash(42, "minidump-1");
       _exit(3);
     }},
    {"handler_resets", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV, Segfault, [] { signal(SIGSEGV, ResetAndReturn); }},
    {"handler_raises", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV, Segfault, [] { signal(SIGSEGV, ResetAndRaise); }},
    {"handler_in_circle", WHYDROP_CAUSE_CLIENT_CRASH, SIGABRT,
     [] {
       InstallCallNext();
       abort();
     },
     InstallCallNext},
    {"handler_marks", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV,
     [] {
       signal(SIGSEGV, MarkAndGoOn);
       Segfault();
     }},
    {"handler_marks_on_thread", WHYDROP_CAUSE_CLIENT_CRASH, SIGSEGV,
     [] {
       std::thread([] {
         whydrop_thread_attach();
         Segfault();
       }).join();
     },
     [] { signal(SIGSEGV, MarkAndGoOn); }},
    {"kill", WHYDROP_CAUSE_CLIENT_KILLED, 0, [] { kill(getpid(), SIGKILL); }},
    {"sigterm", WHYDROP_CAUSE_CLIENT_KILLED, 0, [] { kill(getpid(), SIGTERM); }},
    {"_exit", WHYDROP_CAUSE_CLIENT_KILLED, 0, [] { _exit(3); }},
    {"exit", WHYDROP_CAUSE_CLEAN_EXIT, 0, [] { exit(3); }},
    {"stop", WHYDROP_CAUSE_CLEAN_EXIT, 0,
     [] {
       whydrop_stop();
       _exit(0);
     }},
    {"note_exit", WHYDROP_CAUSE_CLEAN_EXIT, 0,
     [] {
       whydrop_note_exit(WHYDROP_EXIT_UPDATE);
       _exit(0);
     }},
    {"hang", WHYDROP_CAUSE_CLIENT_HANG, 0, HangThenKill},
    {"stopped", WHYDROP_CAUSE_CLIENT_KILLED, 0, StopThenKill},
};

int RunChild(const std::string& name, const char* dir) {
  for (const Death& death : kDeaths) {
    if (name == death.name && death.before_start != nullptr) death.before_start();
  }
  whydrop_test::Started session{dir == nullptr ? "" : dir};
  if (dir != nullptr && session.Start() != WHYDROP_OK) return 99;
  if (dir != nullptr) (void)whydrop_test::OpenTcp();
  for (const Death& death : kDeaths) {
    if (name == death.name) death.die();
  }
  return 98;
}

int RunReport(const char* dir) {
  whydrop_test::Started session{dir};
  if (session.Start() != WHYDROP_OK) return 99;
  whydrop_flush(20000);
  whydrop_last_session last = {};
  last.struct_size = sizeof last;
  const whydrop_result result = whydrop_get_last_session(&last);
  std::printf("%d %d %u %u\n", result, last.end, last.code, last.open_connections);
  return 0;
}

std::string Report(const std::string& dir) {
  int status = -1;
  const std::string text = OutputOf({"--report", dir}, &status);
  CHECK(status == 0);
  return text;
}

}  // namespace

TEST_CASE("the next launch names every kind of death, once, and the exit status is that of a program without us") {
  constexpr size_t kCount = sizeof kDeaths / sizeof kDeaths[0];
  TempDir dirs[kCount];
  pid_t with[kCount], without[kCount];
  for (size_t i = 0; i < kCount; ++i) {
    with[i] = Spawn({"--child", kDeaths[i].name, dirs[i].path()}, -1);
    without[i] = Spawn({"--child", kDeaths[i].name}, -1);
  }
  for (size_t i = 0; i < kCount; ++i) {
    CAPTURE(kDeaths[i].name);
    const int plain = Wait(without[i]);
    CHECK(Wait(with[i]) == plain);
    const bool clean = kDeaths[i].end == WHYDROP_CAUSE_CLEAN_EXIT;
    char expected[64];
    std::snprintf(expected, sizeof expected, "0 %d %u 1\n", kDeaths[i].end, kDeaths[i].code);
    CHECK(Report(dirs[i].path()) == expected);
    if (clean) continue;
    // The launch after that finds the reporting session, which ended in order, and no trace of the death.
    std::snprintf(expected, sizeof expected, "0 %d 0 0\n", WHYDROP_CAUSE_CLEAN_EXIT);
    CHECK(Report(dirs[i].path()) == expected);
  }
}

int main(int argc, char** argv) {
  if (argc >= 3 && std::strcmp(argv[1], "--child") == 0) return RunChild(argv[2], argc > 3 ? argv[3] : nullptr);
  if (argc == 3 && std::strcmp(argv[1], "--report") == 0) return RunReport(argv[2]);
  doctest::Context context(argc, argv);
  return context.run();
}
