#include "crash_child.h"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include "platform/ring_storage.h"

namespace {

namespace platform = whydrop::platform;

constexpr DWORD kOwnCode = 0xE0001234;
constexpr DWORD kHeapCorruption = 0xC0000374;
constexpr int kAbortSignal = 22;

CrashResult* shared = nullptr;
std::string arrangement;
LPTOP_LEVEL_EXCEPTION_FILTER filter_before = nullptr;
void(__cdecl* abort_before)(int) = nullptr;
std::terminate_handler terminate_before = nullptr;
void* guard_page = nullptr;

bool OnCrash(const platform::CrashFacts& facts) {
  if (shared->sink_calls.fetch_add(1) == 0) shared->first = facts;
  return true;
}
void OnReturned(uint64_t) { shared->returned_calls.fetch_add(1); }

LONG WINAPI OtherFilter(EXCEPTION_POINTERS* exception) {
  shared->filter_calls.fetch_add(1);
  shared->filter_code.store(exception->ExceptionRecord->ExceptionCode);
  if (arrangement == "ends") TerminateProcess(GetCurrentProcess(), 42);
  if (arrangement == "handles") return EXCEPTION_EXECUTE_HANDLER;
  if (arrangement == "repairs") {
    DWORD before = 0;
    VirtualProtect(guard_page, 1, PAGE_READWRITE, &before);
    return EXCEPTION_CONTINUE_EXECUTION;
  }
  const bool chains = arrangement == "after_chaining" || arrangement == "circle";
  if (chains && filter_before != nullptr) return filter_before(exception);
  return EXCEPTION_CONTINUE_SEARCH;
}

void __cdecl OtherAbortHandler(int signal) {
  shared->abort_calls.fetch_add(1);
  if (arrangement == "ends") TerminateProcess(GetCurrentProcess(), 42);
  if (arrangement != "after_chaining" && arrangement != "circle") return;
  if (abort_before != SIG_DFL) return abort_before(signal);
  // One that chains hands the signal on to the default as well, which our handler does for it.
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void OtherTerminateHandler() {
  shared->terminate_calls.fetch_add(1);
  if (arrangement == "ends") TerminateProcess(GetCurrentProcess(), 42);
  if (arrangement == "after_chaining") terminate_before();
  std::abort();
}

void InstallOther() {
  filter_before = SetUnhandledExceptionFilter(OtherFilter);
  abort_before = std::signal(SIGABRT, OtherAbortHandler);
  terminate_before = std::set_terminate(OtherTerminateHandler);
}

volatile int sink_of_depth = 0;
volatile int deepest = 1 << 30;
// Wine tells of an overflow only when the frame that runs over is so large that room is left above the end.
int Overflow(int depth) {
  volatile char frame[64 * 1024];
  frame[0] = static_cast<char>(depth);
  if (depth == deepest) return 0;
  const int below = Overflow(depth + 1);
  sink_of_depth = below + frame[0];
  return below + 1;
}

void NullWrite() {
  int* volatile nowhere = nullptr;
  *const_cast<volatile int*>(nowhere) = 1;
}

void WildJump() {
  volatile uintptr_t wild = 0x100000000000;
  reinterpret_cast<void (*)()>(wild)();
}

void NonCanonical() { *reinterpret_cast<volatile int*>(0x8000000000000000) = 1; }

void Divide() {
  volatile int zero = 0;
  volatile int seven = 7;
  sink_of_depth = seven / zero;
}

// Not what the linked run-time does, but the other one that a game may use.
template <typename... Arguments>
void CallUniversalRuntime(const char* name, Arguments... arguments) {
  const HMODULE runtime = GetModuleHandleW(L"ucrtbase.dll");
  const auto function =
      reinterpret_cast<void(__cdecl*)(Arguments...)>(reinterpret_cast<void*>(GetProcAddress(runtime, name)));
  function(arguments...);
}

// The system cannot read the ring's file any more: no crash at all, and nothing noted.
void RingPageLost() {
  platform::RingStorage storage;
  wchar_t folder[MAX_PATH] = {};
  GetTempPathW(MAX_PATH, folder);
  char path[3 * MAX_PATH] = {};
  WideCharToMultiByte(CP_UTF8, 0, folder, -1, path, sizeof path, nullptr, nullptr);
  const std::string file = std::string(path) + "whydrop-lost-" + std::to_string(GetCurrentProcessId());
  if (!storage.CreateAs(platform::StorageMode::kMapped, file, 65536).ok()) ExitProcess(99);
  storage.data()[100] = 1;
  const ULONG_PTR facts[] = {0, reinterpret_cast<ULONG_PTR>(storage.data() + 100), 0xC000009C};
  RaiseException(static_cast<DWORD>(EXCEPTION_IN_PAGE_ERROR), 0, 3, facts);
  storage.data()[200] = 2;  // memory still, though nobody's file
  const bool writable = storage.data()[200] == 2;
  storage.Discard();
  ExitProcess(writable ? 7 : 98);
}

void Throw() { throw std::runtime_error("not caught"); }

void Crash(const std::string& cause) {
  if (cause == "null_write") NullWrite();
  if (cause == "wild_jump") WildJump();
  if (cause == "non_canonical") NonCanonical();
  if (cause == "divide") Divide();
  if (cause == "illegal") __asm__ volatile("ud2");
  if (cause == "breakpoint") __asm__ volatile("int3");
  if (cause == "fast_fail") __asm__ volatile("int $0x29" ::"c"(7));
  if (cause == "raised") RaiseException(kOwnCode, 0, 0, nullptr);
  if (cause == "heap_corruption") RaiseException(kHeapCorruption, EXCEPTION_NONCONTINUABLE, 0, nullptr);
  if (cause == "raise_fail_fast") RaiseFailFastException(nullptr, nullptr, 0);
  if (cause == "abort") std::abort();
  if (cause == "raise_abort") std::raise(SIGABRT);
  if (cause == "exception") Throw();
  if (cause == "terminate") std::terminate();
  if (cause == "stack_overflow") Overflow(0);
  if (cause == "terminate_process") TerminateProcess(GetCurrentProcess(), 21);
  if (cause == "exit_process") ExitProcess(22);
  if (cause == "other_abort") CallUniversalRuntime("abort");
  if (cause == "other_raise_abort") CallUniversalRuntime("raise", kAbortSignal);
  if (cause == "other_purecall") CallUniversalRuntime("_purecall");
  if (cause == "other_parameter") CallUniversalRuntime("_invalid_parameter_noinfo");
  if (cause == "guard_page") *static_cast<volatile char*>(guard_page) = 1;
  if (cause == "ring_page_lost") RingPageLost();
}

void CrashHere(const std::string& cause) {
  platform::AttachThreadForCrashes();
  Crash(cause);
}

}  // namespace

int RunCrashChild(char** arguments, CrashResult* result) {
  shared = result;
  const std::string cause = arguments[0];
  arrangement = arguments[1];
  const bool worker = std::string(arguments[2]) == "worker";
  const bool hooks = std::string(arguments[3]) == "hooks";
  guard_page = VirtualAlloc(nullptr, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS);
  if (cause.compare(0, 6, "other_") == 0) LoadLibraryW(L"ucrtbase.dll");
  const bool after = arrangement.compare(0, 5, "after") == 0;
  if (arrangement != "none" && !after) InstallOther();
  if (hooks && !platform::InstallCrashHooks({OnCrash, OnReturned}).ok()) return 98;
  if (after || (arrangement == "circle" && hooks)) InstallOther();
  if (worker) {
    std::thread(CrashHere, cause).join();
  } else {
    CrashHere(cause);
  }
  return 5;  // it went on
}
