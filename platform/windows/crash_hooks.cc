#include "platform/crash_hooks.h"

#include <windows.h>

#include <atomic>
#include <exception>

#include "platform/crash_guards.h"
#include "platform/identity.h"
#include "platform/module_table.h"
#include "platform/windows/exception_facts.h"
#include "platform/windows/runtime_hooks.h"

namespace whydrop::platform {
namespace {

// What DisplacedCrashHook calls the exception filter; its other hooks cannot be looked at without changing them.
constexpr int32_t kFilterDisplaced = 1;
// A previous filter that walks the stack or writes a dump needs more than ours.
constexpr ULONG kGuaranteedStackBytes = 64 * 1024;

CrashSink crash_sink;
std::atomic<bool> active{false};
std::atomic<LPTOP_LEVEL_EXCEPTION_FILTER> previous_filter{nullptr};
bool filter_linked = false;
void* vectored_handler = nullptr;
std::terminate_handler previous_terminate = nullptr;
bool terminate_linked = false;

uint64_t AddressOf(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

// Returns whether the sink took the note.
bool Note(CrashFacts* facts, uint64_t program_counter) {
  if (!active.load(std::memory_order_acquire)) return false;
  facts->thread_id = CurrentThreadId();
  const NoteGuard guard(facts->thread_id);
  if (!guard.entered()) return false;
  LocateInModule(program_counter, facts);
  return crash_sink.on_crash(*facts);
}

bool NoteException(const EXCEPTION_POINTERS& exception) {
  CrashFacts facts = FactsOfException(*exception.ExceptionRecord, *exception.ContextRecord);
  return Note(&facts, AddressOf(exception.ExceptionRecord->ExceptionAddress));
}

void NoteRuntime(CrashKind kind, DWORD code, uint64_t caller) {
  CrashFacts facts;
  facts.kind = kind;
  facts.code = code;
  facts.stack_pointer = AddressOf(&facts);
  Note(&facts, caller);
}

LONG WINAPI FilterException(EXCEPTION_POINTERS* exception) {
  const bool noted = NoteException(*exception);
  const LPTOP_LEVEL_EXCEPTION_FILTER previous = previous_filter.load(std::memory_order_acquire);
  const uint64_t thread_id = CurrentThreadId();
  const ChainGuard chain(thread_id, exception, &thread_id);
  if (previous == nullptr || chain.in_circle()) return EXCEPTION_CONTINUE_SEARCH;
  const LONG decision = previous(exception);
  if (noted && decision == EXCEPTION_CONTINUE_EXECUTION) crash_sink.on_returned(thread_id);
  return decision;
}

// Sees every exception first, those too that the program deals with itself, and lets all pass but a broken heap, for
// which no filter is asked.
LONG CALLBACK HandleFirst(EXCEPTION_POINTERS* exception) {
  if (exception->ExceptionRecord->ExceptionCode == kHeapCorruption) NoteException(*exception);
  return EXCEPTION_CONTINUE_SEARCH;
}

void HandleTerminate() {
  NoteRuntime(CrashKind::kTerminate, kFatalAppExit, 0);
  // Returning would be undefined; the C++ run-time aborts behind a handler that does.
  if (previous_terminate != nullptr) previous_terminate();
}

void InstallFilter() {
  // A filter that others chained to is still called: installed a second time, it would be its own previous one.
  if (filter_linked) return;
  previous_filter.store(SetUnhandledExceptionFilter(FilterException), std::memory_order_release);
  filter_linked = true;
}

// Puts back what stood there, unless somebody chained to us.
void UninstallFilter() {
  if (!filter_linked) return;
  const LPTOP_LEVEL_EXCEPTION_FILTER now = SetUnhandledExceptionFilter(previous_filter.load());
  if (now == FilterException) {
    filter_linked = false;
  } else {
    SetUnhandledExceptionFilter(now);
  }
}

}  // namespace

Status InstallCrashHooks(const CrashSink& sink) {
  if (sink.on_crash == nullptr || sink.on_returned == nullptr || active.load()) return {StatusKind::kInvalid, 0};
  RefreshModules();
  crash_sink = sink;
  vectored_handler = AddVectoredExceptionHandler(1, HandleFirst);
  if (vectored_handler == nullptr) return {StatusKind::kNoMemory, static_cast<int32_t>(GetLastError())};
  active.store(true, std::memory_order_release);
  InstallFilter();
  InstallRuntimeHooks(NoteRuntime);
  if (!terminate_linked) {
    previous_terminate = std::set_terminate(HandleTerminate);
    terminate_linked = true;
  }
  return OkStatus();
}

void UninstallCrashHooks() {
  active.store(false, std::memory_order_release);
  UninstallFilter();
  UninstallRuntimeHooks();
  RemoveVectoredExceptionHandler(vectored_handler);
  if (terminate_linked && std::get_terminate() == HandleTerminate) {
    std::set_terminate(previous_terminate);
    terminate_linked = false;
  }
}

int32_t DisplacedCrashHook() {
  // The system tells the filter only when another is set: the same one again, and back if it was not ours. Whoever set
  // one in between keeps it.
  const LPTOP_LEVEL_EXCEPTION_FILTER top = SetUnhandledExceptionFilter(FilterException);
  if (top == FilterException) return 0;
  const LPTOP_LEVEL_EXCEPTION_FILTER newer = SetUnhandledExceptionFilter(top);
  if (newer != FilterException) SetUnhandledExceptionFilter(newer);
  return kFilterDisplaced;
}

void AttachThreadForCrashes() {
  ULONG bytes = 0;
  // Asked with 0 it only answers. More than that is somebody else's wish.
  if (!SetThreadStackGuarantee(&bytes) || bytes >= kGuaranteedStackBytes) return;
  bytes = kGuaranteedStackBytes;
  SetThreadStackGuarantee(&bytes);
}

bool OnSignalStack() { return false; }

}  // namespace whydrop::platform
