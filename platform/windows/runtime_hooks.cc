#include "platform/windows/runtime_hooks.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "platform/crash_guards.h"
#include "platform/identity.h"
#include "platform/module_table.h"
#include "platform/windows/exception_facts.h"

namespace whydrop::platform {
namespace {

// The handlers of a run-time, all by address: which of them it has differs by kind and version.
using SignalHandler = void(__cdecl*)(int);
using PurecallHandler = void(__cdecl*)();
using ParameterHandler = void(__cdecl*)(const wchar_t*, const wchar_t*, const wchar_t*, unsigned, uintptr_t);
using SetSignal = SignalHandler(__cdecl*)(int, SignalHandler);
using SetPurecall = PurecallHandler(__cdecl*)(PurecallHandler);
using SetParameter = ParameterHandler(__cdecl*)(ParameterHandler);
using Raise = int(__cdecl*)(int);
using ReportParameter = void(__cdecl*)();

constexpr const wchar_t* kRuntimes[] = {L"ucrtbase.dll", L"ucrtbased.dll", L"vcruntime140.dll", L"vcruntime140d.dll",
                                        L"msvcr120.dll", L"msvcr110.dll",  L"msvcr100.dll",     L"msvcrt.dll"};
// The last place is for the run-time that this very code is linked with, which may be in no module of its own.
constexpr size_t kPlaces = std::size(kRuntimes) + 1;
constexpr int kAbortSignal = 22;        // SIGABRT of every run-time on Windows
constexpr uintptr_t kAbortBytes = 256;  // abort() calls raise() no farther behind its beginning
constexpr ULONG kFrames = 32;

template <typename Handler>
struct Hook {
  Handler previous = nullptr;
  bool linked = false;
};

struct Runtime {
  uint64_t start = 0, end = 0;  // of its module
  SetSignal set_signal = nullptr;
  Raise raise = nullptr;
  uintptr_t abort = 0;
  SetPurecall set_purecall = nullptr;
  SetParameter set_parameter = nullptr;
  ReportParameter report_parameter = nullptr;  // does what happens without a handler, where there is none
  Hook<SignalHandler> abort_hook;
  Hook<PurecallHandler> purecall_hook;
  Hook<ParameterHandler> parameter_hook;
};

Runtime runtimes[kPlaces];
std::atomic<RuntimeNote> noting{nullptr};

struct CallStack {
  void* frames[kFrames] = {};
  size_t count = 0;
  CallStack() { count = RtlCaptureStackBackTrace(0, kFrames, frames, nullptr); }
  uint64_t at(size_t i) const { return reinterpret_cast<uintptr_t>(frames[i]); }
};

// Who called the run-time: the first frame above its own ones.
uint64_t CallerOf(const Runtime& runtime, const CallStack& stack) {
  bool inside = false;
  for (size_t i = 0; i < stack.count; ++i) {
    const bool within = stack.at(i) >= runtime.start && stack.at(i) < runtime.end;
    if (inside && !within) return stack.at(i);
    inside = within;
  }
  return 0;
}

void Note(const Runtime& runtime, const CallStack& stack, CrashKind kind, DWORD code) {
  const RuntimeNote note = noting.load(std::memory_order_acquire);
  if (note != nullptr) note(kind, code, CallerOf(runtime, stack));
}

// abort() ends the process whatever a handler does, and how it does so is its own choice. raise(SIGABRT) goes on
// behind a handler, and ends the process where there is none.
bool IsInAbort(const Runtime& runtime, const CallStack& stack) {
  for (size_t i = 0; i < stack.count; ++i) {
    if (runtime.abort != 0 && stack.at(i) - runtime.abort < kAbortBytes) return true;
  }
  return false;
}

template <size_t kPlace>
void __cdecl HandleAbort(int signal) {
  const Runtime& runtime = runtimes[kPlace];
  const CallStack stack;
  Note(runtime, stack, CrashKind::kAbort, kFatalAppExit);
  const ChainGuard chain(CurrentThreadId(), &runtime, &stack);
  const SignalHandler previous = chain.in_circle() ? SIG_DFL : runtime.abort_hook.previous;
  if (previous == SIG_IGN) return;
  if (previous != SIG_DFL) return previous(signal);
  // The run-time set the default before it called us.
  if (!IsInAbort(runtime, stack)) runtime.raise(signal);
}

template <size_t kPlace>
void __cdecl HandlePurecall() {
  const Runtime& runtime = runtimes[kPlace];
  Note(runtime, CallStack(), CrashKind::kRuntimeCheck, kFatalAppExit);
  // The run-time aborts behind a handler that returns.
  if (runtime.purecall_hook.previous != nullptr) runtime.purecall_hook.previous();
}

template <size_t kPlace>
void __cdecl HandleParameter(const wchar_t* expression, const wchar_t* function, const wchar_t* file, unsigned line,
                             uintptr_t reserved) {
  const Runtime& runtime = runtimes[kPlace];
  const ParameterHandler previous = runtime.parameter_hook.previous;
  // A handler of the game's makes an error code of it; only without one it is the end.
  if (previous != nullptr) return previous(expression, function, file, line, reserved);
  Note(runtime, CallStack(), CrashKind::kRuntimeCheck, kInvalidRuntimeParameter);
  runtime.set_parameter(nullptr);
  runtime.report_parameter();
}

struct Handlers {
  SignalHandler abort;
  PurecallHandler purecall;
  ParameterHandler parameter;
};
template <size_t... kPlace>
constexpr std::array<Handlers, sizeof...(kPlace)> MakeHandlers(std::index_sequence<kPlace...>) {
  return {{{HandleAbort<kPlace>, HandlePurecall<kPlace>, HandleParameter<kPlace>}...}};
}
constexpr auto kHandlers = MakeHandlers(std::make_index_sequence<kPlaces>());

template <typename Handler>
bool IsOurs(Handler handler, Handler Handlers::*kind) {
  for (const Handlers& ours : kHandlers) {
    if (handler == ours.*kind) return true;
  }
  return false;
}

// `set` installs a handler and returns the one before.
template <typename Handler, typename Set>
void InstallHook(Hook<Handler>* hook, size_t place, Handler Handlers::*kind, Set set) {
  // One that others chained to is still called.
  if (hook->linked) return;
  hook->previous = set(kHandlers[place].*kind);
  hook->linked = true;
  if (!IsOurs(hook->previous, kind)) return;
  // Two names of one run-time: the first one stands.
  set(hook->previous);
  hook->linked = false;
}

template <typename Handler, typename Set>
void UninstallHook(Hook<Handler>* hook, size_t place, Handler Handlers::*kind, Set set) {
  if (!hook->linked) return;
  const Handler now = set(hook->previous);
  if (now == kHandlers[place].*kind) {
    hook->linked = false;
  } else {
    set(now);
  }
}

template <typename Function>
void Find(HMODULE module, const char* name, Function* out) {
  *out = reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(module, name)));
}

void FindRuntime(size_t place, Runtime* runtime) {
  if (place == std::size(kRuntimes)) {
    runtime->set_signal = &std::signal;
    runtime->raise = &std::raise;
    runtime->abort = reinterpret_cast<uintptr_t>(&std::abort);
    runtime->set_purecall = &_set_purecall_handler;
    return;
  }
  const HMODULE module = GetModuleHandleW(kRuntimes[place]);
  if (module == nullptr) return;
  const Module* known = FindModule(reinterpret_cast<uintptr_t>(module));
  if (known != nullptr) {
    runtime->start = known->start;
    runtime->end = known->end;
  }
  Find(module, "signal", &runtime->set_signal);
  Find(module, "raise", &runtime->raise);
  runtime->abort = reinterpret_cast<uintptr_t>(GetProcAddress(module, "abort"));
  Find(module, "_set_purecall_handler", &runtime->set_purecall);
  // Older run-times do nothing without a handler, which ours would change.
  Find(module, "_invalid_parameter_noinfo", &runtime->report_parameter);
  if (runtime->report_parameter != nullptr) Find(module, "_set_invalid_parameter_handler", &runtime->set_parameter);
}

enum class Change { kInstall, kUninstall };

void ChangeHooks(Change what) {
  for (size_t place = 0; place < kPlaces; ++place) {
    Runtime* runtime = &runtimes[place];
    const auto change = [&](auto* hook, auto kind, auto set) {
      if (what == Change::kInstall) {
        InstallHook(hook, place, kind, set);
      } else {
        UninstallHook(hook, place, kind, set);
      }
    };
    if (runtime->set_signal != nullptr && runtime->raise != nullptr) {
      change(&runtime->abort_hook, &Handlers::abort,
             [runtime](SignalHandler handler) { return runtime->set_signal(kAbortSignal, handler); });
    }
    if (runtime->set_purecall != nullptr) change(&runtime->purecall_hook, &Handlers::purecall, runtime->set_purecall);
    if (runtime->set_parameter != nullptr) {
      change(&runtime->parameter_hook, &Handlers::parameter, runtime->set_parameter);
    }
  }
}

}  // namespace

void InstallRuntimeHooks(RuntimeNote note) {
  for (size_t place = 0; place < kPlaces; ++place) FindRuntime(place, &runtimes[place]);
  noting.store(note, std::memory_order_release);
  ChangeHooks(Change::kInstall);
}

void UninstallRuntimeHooks() {
  noting.store(nullptr, std::memory_order_release);
  ChangeHooks(Change::kUninstall);
}

}  // namespace whydrop::platform
