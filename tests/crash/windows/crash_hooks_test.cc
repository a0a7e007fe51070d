// The same program is run with and without the hooks: how it ends and what the other handlers saw must be equal, and
// the sink must have seen the crash, where the system lets anybody see it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstring>
#include <initializer_list>
#include <string>

#include "child.h"
#include "crash_child.h"

using whydrop::platform::AddressClass;
using whydrop::platform::CrashKind;
using whydrop_test::Child;
using whydrop_test::SharedMemory;

namespace {

// Runs from its construction on, so that several run at once.
struct Run {
  SharedMemory<CrashResult> result;
  Child child;
  Run(const char* cause, const char* arrangement, const char* where, const char* hooks)
      : child({"--child", result.number(), cause, arrangement, where, hooks}) {}
};

struct Cause {
  const char* name;
  DWORD code;  // that the sink is told
  CrashKind kind;
  // Who sees it on its way: exception filters, SIGABRT handlers, terminate handlers and then those of SIGABRT, ours
  // before all others, nobody.
  enum Way { kFilter, kAbort, kTerminate, kOursFirst, kNobody } way;
};

const Cause kCauses[] = {
    {"null_write", 0xC0000005, CrashKind::kFault, Cause::kFilter},
    {"wild_jump", 0xC0000005, CrashKind::kFault, Cause::kFilter},
    {"non_canonical", 0xC0000005, CrashKind::kFault, Cause::kFilter},
    {"divide", 0xC0000094, CrashKind::kFault, Cause::kFilter},
    {"illegal", 0xC000001D, CrashKind::kFault, Cause::kFilter},
    {"breakpoint", 0x80000003, CrashKind::kFault, Cause::kFilter},
    {"raised", 0xE0001234, CrashKind::kFault, Cause::kFilter},
    {"stack_overflow", 0xC00000FD, CrashKind::kStackOverflow, Cause::kFilter},
    {"heap_corruption", 0xC0000374, CrashKind::kRuntimeCheck, Cause::kOursFirst},
    {"abort", 0x40000015, CrashKind::kAbort, Cause::kAbort},
    {"raise_abort", 0x40000015, CrashKind::kAbort, Cause::kAbort},
    {"exception", 0x40000015, CrashKind::kTerminate, Cause::kTerminate},
    {"terminate", 0x40000015, CrashKind::kTerminate, Cause::kTerminate},
    {"other_abort", 0x40000015, CrashKind::kAbort, Cause::kOursFirst},
    {"other_raise_abort", 0x40000015, CrashKind::kAbort, Cause::kOursFirst},
    {"other_purecall", 0x40000015, CrashKind::kRuntimeCheck, Cause::kOursFirst},
    {"other_parameter", 0xC0000417, CrashKind::kRuntimeCheck, Cause::kOursFirst},
    {"fast_fail", 0, CrashKind::kFault, Cause::kNobody},
    {"raise_fail_fast", 0, CrashKind::kFault, Cause::kNobody},
    {"terminate_process", 0, CrashKind::kFault, Cause::kNobody},
    {"exit_process", 0, CrashKind::kFault, Cause::kNobody},
};

void CheckPair(const Cause& cause, const std::string& arrangement, const char* where) {
  const std::string what = std::string(cause.name) + ", " + arrangement + ", " + where;
  CAPTURE(what);
  const Run bare(cause.name, arrangement.c_str(), where, "bare");
  const Run hooked(cause.name, arrangement.c_str(), where, "hooks");
  const DWORD code = hooked.child.Wait();
  CHECK(code == bare.child.Wait());
  CHECK(code != whydrop_test::kDidNotStart);
  CHECK(code != whydrop_test::kDidNotEnd);
  const bool circle = arrangement == "circle";  // there each of the two is called until somebody notices
  if (!circle) {
    CHECK(hooked.result->filter_calls == bare.result->filter_calls);
    CHECK(hooked.result->abort_calls == bare.result->abort_calls);
    CHECK(hooked.result->terminate_calls == bare.result->terminate_calls);
    const int other = arrangement != "none" ? 1 : 0;
    if (cause.way == Cause::kFilter) CHECK(bare.result->filter_calls == other);
    if (cause.way == Cause::kAbort) CHECK(bare.result->abort_calls == other);
    if (cause.way == Cause::kTerminate) CHECK(bare.result->terminate_calls == other);
  }
  CHECK(hooked.result->filter_code == bare.result->filter_code);
  const bool hidden = arrangement == "after_not_chaining" && cause.way != Cause::kOursFirst;
  const bool seen = cause.way != Cause::kNobody && !hidden;
  CHECK((hooked.result->sink_calls > 0) == seen);
  if (!seen) return;
  CHECK(hooked.result->first.kind == cause.kind);
  CHECK(hooked.result->first.code == cause.code);
  CHECK(hooked.result->first.thread_id != 0);
}

// Whom nobody else is asked about needs no other handlers.
bool Matters(const Cause& cause, const std::string& arrangement) {
  if (cause.way == Cause::kFilter || cause.way == Cause::kAbort || arrangement == "none") return true;
  if (cause.way == Cause::kTerminate && (arrangement == "ends" || arrangement == "after_chaining")) return true;
  return (cause.way == Cause::kTerminate || cause.way == Cause::kOursFirst) &&
         (arrangement == "searches" || arrangement == "after_not_chaining");
}

}  // namespace

TEST_CASE("a program ends the same with the hooks, whatever crashes and whoever else handles it") {
  for (const Cause& cause : kCauses) {
    for (const char* arrangement :
         {"none", "searches", "handles", "ends", "after_chaining", "after_not_chaining", "circle"}) {
      if (!Matters(cause, arrangement)) continue;
      CheckPair(cause, arrangement, "main");
      if (std::strcmp(arrangement, "none") == 0 || std::strcmp(arrangement, "searches") == 0) {
        CheckPair(cause, arrangement, "worker");
      }
    }
  }
}

TEST_CASE("the sink learns where it crashed") {
  const Run null_write("null_write", "none", "main", "hooks");
  const Run wild("non_canonical", "none", "main", "hooks");
  const Run aborted("abort", "none", "worker", "hooks");
  for (const Run* run : {&null_write, &wild, &aborted}) run->child.Wait();
  CHECK(null_write.result->first.address_class == AddressClass::kNearNull);
  CHECK(std::string(null_write.result->first.module) == "windows_crash_hooks_test.exe");
  CHECK(null_write.result->first.offset != 0);
  CHECK(null_write.result->first.stack_pointer != 0);
  CHECK(null_write.result->first.signal_code == 2);  // a write
  CHECK(wild.result->first.address_class == AddressClass::kNonCanonical);
  CHECK(std::string(aborted.result->first.module) == "windows_crash_hooks_test.exe");
}

TEST_CASE("a filter that repairs the fault goes on, and the sink is told that it returned") {
  const Run run("guard_page", "repairs", "worker", "hooks");
  CHECK(run.child.Wait() == 5);
  CHECK(run.result->filter_calls == 1);
  CHECK(run.result->sink_calls == 1);
  CHECK(run.result->returned_calls == 1);
}

TEST_CASE("a ring file that the system cannot read any more is no crash, and no filter sees it") {
  const Run run("ring_page_lost", "searches", "main", "hooks");
  CHECK(run.child.Wait() == 7);
  CHECK(run.result->filter_calls == 0);
  CHECK(run.result->sink_calls == 0);
}

TEST_CASE("displacement is noticed without a change, and a filter that others chained to stays inert") {
  const auto count = [](const whydrop::platform::CrashFacts&) { return true; };
  const LPTOP_LEVEL_EXCEPTION_FILTER original = SetUnhandledExceptionFilter(nullptr);
  SetUnhandledExceptionFilter(original);
  REQUIRE(whydrop::platform::InstallCrashHooks({count, [](uint64_t) {}}).ok());
  CHECK_FALSE(whydrop::platform::InstallCrashHooks({count, [](uint64_t) {}}).ok());
  CHECK(whydrop::platform::DisplacedCrashHook() == 0);
  const LPTOP_LEVEL_EXCEPTION_FILTER other = [](EXCEPTION_POINTERS*) -> LONG { return EXCEPTION_CONTINUE_SEARCH; };
  const LPTOP_LEVEL_EXCEPTION_FILTER ours = SetUnhandledExceptionFilter(other);
  CHECK(whydrop::platform::DisplacedCrashHook() != 0);
  CHECK(whydrop::platform::DisplacedCrashHook() != 0);
  whydrop::platform::UninstallCrashHooks();
  const bool kept = SetUnhandledExceptionFilter(ours) == other;
  CHECK(kept);
  whydrop::platform::UninstallCrashHooks();
  const bool restored = SetUnhandledExceptionFilter(original) == original;
  CHECK(restored);
}

int main(int argc, char** argv) {
  if (argc == 7 && std::strcmp(argv[1], "--child") == 0) {
    CrashResult* result = SharedMemory<CrashResult>::Map(argv[2]);
    return result == nullptr ? 96 : RunCrashChild(argv + 3, result);
  }
  return doctest::Context(argc, argv).run();
}
