#include "ring/crash_marker.h"

namespace whydrop {
namespace {

// Takes the marker for one thread while its fields are written. Not a value of `state`: readers of the file would have
// to know it.
bool Enter(CrashMarker* crash) { return crash->claim.exchange(1, std::memory_order_acquire) == 0; }
void Leave(CrashMarker* crash) { crash->claim.store(0, std::memory_order_release); }

// Byte by byte: memcpy and strlen are not on the list of what a signal handler may call everywhere.
void CopyBounded(char* to, size_t capacity, const char* from, size_t size) {
  size_t i = 0;
  for (; i < capacity && i < size && from[i] != '\0'; ++i) to[i] = from[i];
  for (; i < capacity; ++i) to[i] = '\0';
}

bool Stands(const CrashMarker& crash) {
  return crash.state.load(std::memory_order_acquire) != static_cast<uint32_t>(MarkerState::kNone);
}

bool IsCrashed(const CrashMarker& crash) {
  return crash.state.load(std::memory_order_acquire) == static_cast<uint32_t>(MarkerState::kCrashed);
}

}  // namespace

void MarkCrash(LifePage* life, const platform::CrashFacts& facts, uint64_t now_ms, const char* report_id,
               size_t report_id_size) {
  CrashMarker* crash = &life->crash;
  if (!Enter(crash)) return;
  const auto relaxed = std::memory_order_relaxed;
  const size_t id_size = report_id == nullptr                 ? 0
                         : report_id_size < kMaxReportIdBytes ? report_id_size
                                                              : kMaxReportIdBytes;
  // A fault whose handler returned was dealt with, so it does not hide a later one.
  if (IsCrashed(*crash)) {
    // The game's own handler comes after ours and knows where its report lies.
    if (crash->report_id[0] == '\0') CopyBounded(crash->report_id, sizeof crash->report_id, report_id, id_size);
  } else {
    crash->state.store(static_cast<uint32_t>(MarkerState::kNone), relaxed);
    const bool exiting = life->clean_mark.load(relaxed) != 0 || life->exit_reason.load(relaxed) != 0;
    crash->kind.store(static_cast<uint32_t>(facts.kind), relaxed);
    crash->code.store(facts.code, relaxed);
    crash->signal_code.store(facts.signal_code, relaxed);
    crash->address_class.store(static_cast<uint32_t>(facts.address_class), relaxed);
    crash->exiting.store(exiting ? 1 : 0, relaxed);
    crash->thread_id.store(facts.thread_id, relaxed);
    crash->stack_pointer.store(facts.stack_pointer, relaxed);
    crash->offset.store(facts.offset, relaxed);
    crash->at_ms.store(now_ms, relaxed);
    crash->alive_ms.store(0, relaxed);
    CopyBounded(crash->module, sizeof crash->module, facts.module, sizeof facts.module);
    CopyBounded(crash->report_id, sizeof crash->report_id, report_id, id_size);
    // Release: partner of the acquires above; a reader of the file sees a marker only when it is whole.
    crash->state.store(static_cast<uint32_t>(MarkerState::kCrashed), std::memory_order_release);
  }
  Leave(crash);
}

void MarkReturned(LifePage* life, uint64_t thread_id) {
  CrashMarker* crash = &life->crash;
  if (!Stands(*crash) || crash->thread_id.load(std::memory_order_relaxed) != thread_id) return;
  uint32_t crashed = static_cast<uint32_t>(MarkerState::kCrashed);
  crash->state.compare_exchange_strong(crashed, static_cast<uint32_t>(MarkerState::kReturned),
                                       std::memory_order_acq_rel, std::memory_order_relaxed);
}

void RevokeIfRecovered(LifePage* life, uint64_t thread_id, uint64_t stack_pointer) {
  CrashMarker* crash = &life->crash;
  if (crash->state.load(std::memory_order_relaxed) == static_cast<uint32_t>(MarkerState::kNone)) return;
  if (!Stands(*crash) || crash->thread_id.load(std::memory_order_relaxed) != thread_id) return;
  // Stacks grow down: below the interrupted pointer the thread is still inside the handler, or in what it called.
  if (stack_pointer < crash->stack_pointer.load(std::memory_order_relaxed)) return;
  crash->recovered.fetch_add(1, std::memory_order_relaxed);
  crash->state.store(static_cast<uint32_t>(MarkerState::kNone), std::memory_order_release);
}

}  // namespace whydrop
