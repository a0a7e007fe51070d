// Children of Windows that really die with the SDK's DLL in them, and what the next launch says of each. A child starts
// a session in a directory of its own and dies as told; a second child starts there again and reports what the session
// before it came to. Exit code and calls of an exception filter that was there before must be those of a child
// without the SDK.
//
// Usage: windows_session_death_test [RUNS]   how often each death, default 2
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "child.h"
#include "support/test_directory.h"
#include "whydrop/whydrop.h"

using whydrop_test::Child;
using whydrop_test::SharedMemory;

namespace {

constexpr uint32_t kFlushMs = 120000;
int runs = 2;

// What a child leaves for its parent.
struct Result {
  std::atomic<int> filter_calls;
  std::atomic<int> ready;  // about to die
  int32_t flushed;         // of whydrop_flush
  int32_t report;          // of whydrop_get_last_session
  whydrop_last_session last;
};
Result* shared = nullptr;

// --- ends

void NullWrite() {
  int* volatile nowhere = nullptr;
  *const_cast<volatile int*>(nowhere) = 1;
}

void Divide() {
  volatile int zero = 0;
  volatile int seven = 7;
  zero = seven / zero;
}

// Wine tells of an overflow only when the frame that runs over is so large that room is left above the end.
int Overflow(int depth) {
  volatile char frame[64 * 1024];
  frame[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : Overflow(depth + 1) + frame[0];
}

void OverflowAttached() {
  whydrop_thread_attach();
  Overflow(0);
}

void Throw() { throw std::runtime_error("not caught"); }

void WaitForTheEnd() { Sleep(INFINITE); }

struct Death {
  const char* name;
  int32_t end;       // what the next launch must say
  uint32_t code;     // of the crash
  int filter_calls;  // of the filter that was there before, as Windows has it without the SDK
  void (*die)();
};

const Death kDeaths[] = {
    {"access_violation_main", WHYDROP_CAUSE_CLIENT_CRASH, 0xC0000005, 1, NullWrite},
    {"access_violation_worker", WHYDROP_CAUSE_CLIENT_CRASH, 0xC0000005, 1, [] { std::thread(NullWrite).join(); }},
    {"illegal_instruction", WHYDROP_CAUSE_CLIENT_CRASH, 0xC000001D, 1, [] { __asm__ volatile("ud2"); }},
    {"breakpoint", WHYDROP_CAUSE_CLIENT_CRASH, 0x80000003, 1, [] { __asm__ volatile("int3"); }},
    {"raised", WHYDROP_CAUSE_CLIENT_CRASH, 0xE0001234, 1, [] { RaiseException(0xE0001234, 0, 0, nullptr); }},
    {"divide", WHYDROP_CAUSE_CLIENT_CRASH, 0xC0000094, 1, Divide},
    {"abort", WHYDROP_CAUSE_CLIENT_CRASH, 0x40000015, 0, [] { std::abort(); }},
    {"exception", WHYDROP_CAUSE_CLIENT_CRASH, 0x40000015, 0, Throw},
    {"exception_worker", WHYDROP_CAUSE_CLIENT_CRASH, 0x40000015, 0, [] { std::thread(Throw).join(); }},
    {"terminate", WHYDROP_CAUSE_CLIENT_CRASH, 0x40000015, 0, [] { std::terminate(); }},
    {"stack_overflow", WHYDROP_CAUSE_CLIENT_CRASH, 0xC00000FD, 1, [] { std::thread(OverflowAttached).join(); }},
    {"marked", WHYDROP_CAUSE_CLIENT_CRASH, 42, 0,
     [] {
       whydrop_mark_crash(42, "minidump-1");
       TerminateProcess(GetCurrentProcess(), 3);
     }},
    // The system lets nobody in the process see these.
    {"fast_fail", WHYDROP_CAUSE_CLIENT_KILLED, 0, 0, [] { __asm__ volatile("int $0x29" ::"c"(7)); }},
    {"raise_fail_fast", WHYDROP_CAUSE_CLIENT_KILLED, 0, 0, [] { RaiseFailFastException(nullptr, nullptr, 0); }},
    {"terminate_inside", WHYDROP_CAUSE_CLIENT_KILLED, 0, 0, [] { TerminateProcess(GetCurrentProcess(), 21); }},
    {"terminate_outside", WHYDROP_CAUSE_CLIENT_KILLED, 0, 0, WaitForTheEnd},
    {"exit_process", WHYDROP_CAUSE_CLEAN_EXIT, 0, 0, [] { ExitProcess(22); }},
    {"exit", WHYDROP_CAUSE_CLEAN_EXIT, 0, 0, [] { std::exit(23); }},
    {"stop", WHYDROP_CAUSE_CLEAN_EXIT, 0, 0,
     [] {
       whydrop_stop();
       TerminateProcess(GetCurrentProcess(), 24);
     }},
};

// --- children

LONG WINAPI CountCalls(EXCEPTION_POINTERS*) {
  shared->filter_calls.fetch_add(1);
  return EXCEPTION_CONTINUE_SEARCH;
}

// What the SDK has to say belongs beside a failed check.
void WHYDROP_CALL Log(int32_t, const char* message, void*) {
  std::printf("%lu: %s\n", GetCurrentProcessId(), message);
  std::fflush(stdout);
}

bool StartSdk(const char* directory) {
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "death.test";
  config.app_version = "1.0";
  config.state_dir = directory;
  config.log = Log;
  return whydrop_start(&config) == WHYDROP_OK;
}

int RunChild(const std::string& name, const char* directory) {
  SetUnhandledExceptionFilter(CountCalls);
  if (directory != nullptr) {
    if (!StartSdk(directory)) return 99;
    whydrop_conn_info info = {};
    info.struct_size = sizeof info;
    info.protocol = WHYDROP_TCP;
    info.endpoint = "gate-1";
    whydrop_conn_connected(whydrop_conn_open(&info), WHYDROP_NO_SOCKET);
  }
  shared->ready.store(1);
  for (const Death& death : kDeaths) {
    if (name == death.name) death.die();
  }
  return 98;
}

int RunReport(const char* directory) {
  if (!StartSdk(directory)) return 99;
  shared->flushed = whydrop_flush(kFlushMs);
  shared->last.struct_size = sizeof shared->last;
  shared->report = whydrop_get_last_session(&shared->last);
  whydrop_stop();
  return 0;
}

// --- parent

// One death, with the SDK in it or without. Under way from its construction on.
struct Run {
  TestDirectory directory;
  SharedMemory<Result> result;
  Child child;
  enum class Sdk { kWith, kWithout };
  Run(const Death& death, Sdk sdk) : child(Arguments(death, sdk)) {}

  // The exit code.
  DWORD End(const Death& death) const {
    if (std::strcmp(death.name, "terminate_outside") == 0) {
      while (result->ready.load() == 0 && WaitForSingleObject(child.process(), 1) == WAIT_TIMEOUT) {
      }
      TerminateProcess(child.process(), 25);
    }
    return child.Wait();
  }

 private:
  std::vector<std::string> Arguments(const Death& death, Sdk sdk) const {
    std::vector<std::string> arguments = {"--child", result.number(), death.name};
    if (sdk == Sdk::kWith) arguments.push_back(directory.path());
    return arguments;
  }
};

// A launch in the same directory, which tells how the session before it ended.
struct NextLaunch {
  SharedMemory<Result> result;
  Child child;
  explicit NextLaunch(const Run& run) : child({"--report", result.number(), run.directory.path()}) {}

  std::string Says() const {
    CHECK(child.Wait() == 0);
    CHECK(result->flushed == WHYDROP_OK);
    char text[100];
    std::snprintf(text, sizeof text, "%d %s %08x, %u open", static_cast<int>(result->report),
                  whydrop_cause_name(result->last.end), static_cast<unsigned>(result->last.code),
                  static_cast<unsigned>(result->last.open_connections));
    return text;
  }
};

std::string Expected(int32_t end, uint32_t code, unsigned open) {
  char text[100];
  std::snprintf(text, sizeof text, "0 %s %08x, %u open", whydrop_cause_name(end), static_cast<unsigned>(code), open);
  return text;
}

std::string NamesIn(const TestDirectory& directory) {
  std::string names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.Path())) {
    names += entry.path().filename().string() + " ";
  }
  return names;
}

void CheckDeath(const Death& death) {
  const Run plain(death, Run::Sdk::kWithout);
  std::vector<std::unique_ptr<Run>> all;
  for (int i = 0; i < runs; ++i) all.push_back(std::make_unique<Run>(death, Run::Sdk::kWith));
  const DWORD code = plain.End(death);
  const int calls = plain.result->filter_calls.load();
  CHECK(code != whydrop_test::kDidNotStart);
  CHECK(code != whydrop_test::kDidNotEnd);
  CHECK(calls == death.filter_calls);
  std::vector<std::unique_ptr<NextLaunch>> launches;
  for (const std::unique_ptr<Run>& run : all) {
    CHECK(run->End(death) == code);
    CHECK(run->result->ready.load() == 1);
    CHECK(run->result->filter_calls.load() == calls);
    launches.push_back(std::make_unique<NextLaunch>(*run));
  }
  for (const std::unique_ptr<NextLaunch>& launch : launches) {
    CHECK(launch->Says() == Expected(death.end, death.code, 1));
  }
  // The launch after that finds the reporting session, which ended in order, and no trace of the death.
  CAPTURE(NamesIn(all[0]->directory));
  CHECK(NextLaunch(*all[0]).Says() == Expected(WHYDROP_CAUSE_CLEAN_EXIT, 0, 0));
}

}  // namespace

TEST_CASE("the next launch names every kind of death, once, and the exit is that of a program without us") {
  for (const Death& death : kDeaths) {
    const std::string name = death.name;
    CAPTURE(name);
    CheckDeath(death);
  }
}

int main(int argc, char** argv) {
  if (argc >= 4 && std::strncmp(argv[1], "--", 2) == 0) {
    shared = SharedMemory<Result>::Map(argv[2]);
    if (shared == nullptr) return 97;
    if (std::strcmp(argv[1], "--report") == 0) return RunReport(argv[3]);
    return RunChild(argv[3], argc > 4 ? argv[4] : nullptr);
  }
  if (argc == 2) runs = std::atoi(argv[1]);
  return doctest::Context().run();
}
