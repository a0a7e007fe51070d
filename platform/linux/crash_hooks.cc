#include "platform/crash_hooks.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <exception>
#include <iterator>

#include "platform/crash_guards.h"
#include "platform/identity.h"
#include "platform/last_error.h"
#include "platform/linux/errno_status.h"
#include "platform/linux/registers.h"
#include "platform/module_table.h"
#include "platform/ring_storage.h"

namespace whydrop::platform {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
constexpr uint64_t kNearNullBytes = 64 * 1024;
// Memory around the stack pointer is mapped except at the very end of a stack, so a fault this close to it is an
// overflow.
constexpr uint64_t kNearStackBytes = 64 * 1024;

// What was there before us for one signal. `linked`: our handler may still be called for it, as the system's handler or
// by one that was installed over it.
struct Hook {
  struct sigaction previous = {};
  std::atomic<bool> spent{false};  // the previous handler asked to run only once, and has
  std::atomic<bool> linked{false};
};

Hook hooks[std::size(kSignals)];
CrashSink crash_sink;
std::atomic<bool> active{false};
std::atomic<uint64_t> owner_pid{0};
std::terminate_handler previous_terminate = nullptr;
bool terminate_linked = false;
std::atomic<uint64_t> terminating_thread{0};

Hook* HookOf(int signal) {
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    if (kSignals[i] == signal) return &hooks[i];
  }
  return nullptr;
}

// A child made by vfork runs in our memory with a pid of its own; its crashes are not ours to note.
bool MayNote() { return active.load(std::memory_order_acquire) && RawPid() == owner_pid.load(); }

AddressClass ClassifyAddress(const siginfo_t& info, uint64_t stack_pointer) {
  if ((info.si_signo != SIGSEGV && info.si_signo != SIGBUS) || info.si_code <= 0) return AddressClass::kUnknown;
  // The processor gives no address for one that is not canonical, and the system then reports zero.
  if (info.si_code == SI_KERNEL) return AddressClass::kNonCanonical;
  const auto address = reinterpret_cast<uint64_t>(info.si_addr);
  if (address < kNearNullBytes) return AddressClass::kNearNull;
  const uint64_t distance = address > stack_pointer ? address - stack_pointer : stack_pointer - address;
  return distance <= kNearStackBytes ? AddressClass::kStack : AddressClass::kOther;
}

CrashKind KindOf(const siginfo_t& info, const CrashFacts& facts) {
  if (info.si_signo == SIGABRT) {
    return terminating_thread.load() == facts.thread_id ? CrashKind::kTerminate : CrashKind::kAbort;
  }
  const bool overflow = info.si_signo == SIGSEGV && facts.address_class == AddressClass::kStack;
  return overflow ? CrashKind::kStackOverflow : CrashKind::kFault;
}

// Returns whether the sink took the note.
bool Note(const siginfo_t& info, const ucontext_t& context) {
  CrashFacts facts;
  facts.thread_id = CurrentThreadId();
  const NoteGuard guard(facts.thread_id);
  if (!guard.entered()) return false;
  facts.code = static_cast<uint32_t>(info.si_signo);
  facts.signal_code = info.si_code;
  facts.stack_pointer = StackPointer(context);
  facts.address_class = ClassifyAddress(info, facts.stack_pointer);
  facts.kind = KindOf(info, facts);
  LocateInModule(ProgramCounter(context), &facts);
  return crash_sink.on_crash(facts);
}

// Whether returning from the handler runs into the same fault again. Breakpoints and forbidden system calls are
// reported after the instruction, sent signals at any.
bool RunsAgain(const siginfo_t& info) {
  if (info.si_code <= 0) return false;
  return info.si_signo == SIGSEGV || info.si_signo == SIGILL || info.si_signo == SIGFPE ||
         (info.si_signo == SIGBUS && info.si_code != BUS_MCEERR_AO);
}

// Lets the system do what it would have done without us, with this very signal, as soon as the handler returns.
void LeaveToSystem(int signal, siginfo_t* info) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  if (RunsAgain(*info)) return;
  // The signal is blocked while its handler runs and is delivered at the return.
  syscall(SYS_rt_tgsigqueueinfo, RawPid(), CurrentThreadId(), signal, info);
}

void CallPrevious(const struct sigaction& previous, int signal, siginfo_t* info, ucontext_t* context) {
  // The mask that the system would have set for that handler. sigreturn puts the interrupted one back.
  sigset_t mask;
  sigorset(&mask, &context->uc_sigmask, &previous.sa_mask);
  if ((previous.sa_flags & SA_NODEFER) == 0) sigaddset(&mask, signal);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else {
    previous.sa_handler(signal);
  }
}

// abort() ends the process whatever its handlers return.
bool IsOwnAbort(const siginfo_t& info) { return info.si_signo == SIGABRT && info.si_code == SI_TKILL; }

bool IsDefault(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

bool SameHandler(const struct sigaction& a, const struct sigaction& b) {
  const bool has_info = (a.sa_flags & SA_SIGINFO) != 0;
  if (has_info != ((b.sa_flags & SA_SIGINFO) != 0)) return false;
  return has_info ? a.sa_sigaction == b.sa_sigaction : a.sa_handler == b.sa_handler;
}

// Calls it and returns whether the thread goes on as if nothing had happened. A handler that gave the signal to
// somebody else, mostly back to the system, only lets the same fault come again and end the process without asking us.
bool DealtWithByPrevious(const struct sigaction& previous, int signal, siginfo_t* info, ucontext_t* context) {
  struct sigaction before = {};
  struct sigaction after = {};
  const bool known = sigaction(signal, nullptr, &before) == 0;
  CallPrevious(previous, signal, info, context);
  if (IsOwnAbort(*info)) return false;
  return known && sigaction(signal, nullptr, &after) == 0 && SameHandler(before, after) && !IsDefault(after);
}

void HandleSignal(int signal, siginfo_t* info, void* raw_context) {
  const LastErrorKeeper keep_errno;
  const bool fault = info->si_code > 0;
  if (signal == SIGBUS && fault && RescueRingMapping(reinterpret_cast<uintptr_t>(info->si_addr))) return;
  Hook* hook = HookOf(signal);
  if (hook == nullptr) return;
  auto* context = static_cast<ucontext_t*>(raw_context);
  const struct sigaction& previous = hook->previous;
  const bool ours = MayNote();
  const bool spent = hook->spent.load();
  const bool real = !spent && previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN;
  // An ignored signal is ignored only when it was sent: the system ends the process at a fault all the same.
  if (!spent && previous.sa_handler == SIG_IGN && !fault) return;
  const bool noted = ours && Note(*info, *context);
  const ChainGuard chain(CurrentThreadId(), info, __builtin_frame_address(0));
  if (!real || chain.in_circle()) {
    LeaveToSystem(signal, info);
    return;
  }
  if (ours && (previous.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) hook->spent.store(true);
  const bool dealt_with = DealtWithByPrevious(previous, signal, info, context);
  if (noted && dealt_with) crash_sink.on_returned(CurrentThreadId());
}

void HandleTerminate() {
  if (MayNote()) {
    CrashFacts facts;
    facts.kind = CrashKind::kTerminate;
    facts.code = SIGABRT;
    facts.thread_id = CurrentThreadId();
    facts.stack_pointer = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
    LocateInModule(reinterpret_cast<uint64_t>(__builtin_return_address(0)), &facts);
    terminating_thread.store(facts.thread_id);
    crash_sink.on_crash(facts);
  }
  // Returning would be undefined; the C++ run-time aborts behind a handler that does.
  if (previous_terminate != nullptr) previous_terminate();
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == HandleSignal;
}

Status InstallHook(int signal, Hook* hook) {
  // A hook that others chained to is still called: installed a second time, it would be its own previous handler's
  // target and go round for ever.
  if (hook->linked.load()) return OkStatus();
  if (sigaction(signal, nullptr, &hook->previous) != 0) return StatusFromErrno(errno);
  hook->spent.store(false);
  struct sigaction action = {};
  action.sa_sigaction = HandleSignal;
  // Not SA_NODEFER: a fault while a note is taken ends the process as the same signal, at once.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  if (sigaction(signal, &action, nullptr) != 0) return StatusFromErrno(errno);
  hook->linked.store(true);
  return OkStatus();
}

}  // namespace

Status InstallCrashHooks(const CrashSink& sink) {
  if (sink.on_crash == nullptr || sink.on_returned == nullptr) return {StatusKind::kInvalid, 0};
  // A forked child inherits them as those of its parent.
  if (active.load() && owner_pid.load() == RawPid()) return {StatusKind::kInvalid, 0};
  RefreshModules();
  crash_sink = sink;
  owner_pid.store(RawPid());
  terminating_thread.store(0);
  active.store(true, std::memory_order_release);
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    const Status status = InstallHook(kSignals[i], &hooks[i]);
    if (status.ok()) continue;
    UninstallCrashHooks();
    return status;
  }
  if (!terminate_linked) {
    previous_terminate = std::set_terminate(HandleTerminate);
    terminate_linked = true;
  }
  return OkStatus();
}

void UninstallCrashHooks() {
  active.store(false, std::memory_order_release);
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    Hook& hook = hooks[i];
    struct sigaction now = {};
    if (!hook.linked.load() || sigaction(kSignals[i], nullptr, &now) != 0 || !IsOurs(now)) continue;
    struct sigaction back = hook.previous;
    if (hook.spent.load()) {
      back = {};
      back.sa_handler = SIG_DFL;
    }
    if (sigaction(kSignals[i], &back, nullptr) == 0) hook.linked.store(false);
  }
  if (terminate_linked && std::get_terminate() == HandleTerminate) {
    std::set_terminate(previous_terminate);
    terminate_linked = false;
  }
}

int32_t DisplacedCrashHook() {
  for (const int signal : kSignals) {
    struct sigaction now = {};
    if (sigaction(signal, nullptr, &now) == 0 && !IsOurs(now)) return signal;
  }
  return 0;
}

}  // namespace whydrop::platform
