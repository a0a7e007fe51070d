// What the crash hooks and the game's own crash handler tell: into the life page, by plain stores. Signal-safe
// throughout.
#include "platform/crash_hooks.h"
#include "platform/identity.h"
#include "ring/crash_marker.h"
#include "session/session.h"

namespace whydrop {
namespace {

bool OnCrash(const platform::CrashFacts& facts) {
  Session* session = Session::Crashing();
  return session != nullptr && session->MarkCrashed(facts, nullptr, 0);
}

void OnReturned(uint64_t thread_id) {
  Session* session = Session::Crashing();
  if (session != nullptr) session->MarkFaultReturned(thread_id);
}

}  // namespace

const platform::CrashSink kCrashSink = {OnCrash, OnReturned};

bool Session::MarkCrashed(const platform::CrashFacts& facts, const char* report_id, size_t report_id_size) {
  // The page that a forked child sees as zeros is shared with a child of vfork.
  if (platform::RawPid() != pid_) return false;
  MarkCrash(writer_.life(), facts, writer_.NowMs(), report_id, report_id_size);
  PersistLife();
  return true;
}

void Session::MarkFaultReturned(uint64_t thread_id) {
  MarkReturned(writer_.life(), thread_id);
  PersistLife();
}

void Session::RevokeMarkerOfThisThread() {
  // On its alternate stack the thread is in a handler, wherever that stack lies.
  if (platform::OnSignalStack()) return;
  // Where a local variable lies is close enough: the stack of the interrupted code is given back by whole frames.
  const volatile char here = 0;
  RevokeIfRecovered(writer_.life(), platform::CurrentThreadId(), reinterpret_cast<uintptr_t>(&here));
}

}  // namespace whydrop
