#include "causes/rules.h"

namespace whydrop {
namespace {

constexpr uint64_t kAliveAfterFaultMs = 30 * 1000;  // a handled fault would have revoked its marker by then
constexpr uint64_t kHangMs = 5000;
constexpr uint64_t kOutOfMemoryFreshMs = 10 * 60 * 1000;

using S = SessionEvidence;

bool Crash(const S& s) { return s.crash_marker && s.alive_after_fault_ms < kAliveAfterFaultMs; }
bool CrashOthersAlive(const S& s) { return s.crash_marker; }
bool Shutdown(const S& s) { return s.shutdown_announced; }
bool CleanMark(const S& s) { return s.clean_mark; }
bool ExitNote(const S& s) { return s.exit_note; }
bool OtherBoot(const S& s) { return s.same_boot_known && !s.same_boot; }
bool HeartbeatStopped(const S& s) {
  return s.heartbeat_ever && s.tick_ms >= s.heartbeat_ms && s.tick_ms - s.heartbeat_ms >= kHangMs;
}
bool MemoryRanOut(const S& s) { return s.same_boot_known && s.same_boot && s.oom_rose_known && s.oom_rose; }
bool MemoryRanOutJustNow(const S& s) { return MemoryRanOut(s) && s.since_death_ms <= kOutOfMemoryFreshMs; }
bool Otherwise(const S&) { return true; }

constexpr SessionRule kSessionRules[] = {
    {{"session-crash", 0, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh, "The process crashed."}, Crash},
    {{"session-crash-others-alive", 0, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kMedium,
      "The process crashed, though other threads ran on for 30 seconds or more."},
     CrashOthersAlive},
    {{"session-shutdown", 0, WHYDROP_CAUSE_SYSTEM_SHUTDOWN, Confidence::kHigh,
      "The system had announced a log-off or its shutdown."},
     Shutdown},
    {{"session-clean-mark", 0, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kHigh, "The process ended in order."}, CleanMark},
    {{"session-exit-note", 0, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kMedium,
      "The application had announced its exit; the process then ended without stopping the recorder."},
     ExitNote},
    {{"session-other-boot", 0, WHYDROP_CAUSE_SYSTEM_DOWN, Confidence::kHigh,
      "The machine was started anew since, and no shutdown had been announced."},
     OtherBoot},
    {{"session-heartbeat-stopped", 0, WHYDROP_CAUSE_CLIENT_HANG, Confidence::kHigh,
      "The main loop's heartbeat had stopped 5 seconds or more before the process ended."},
     HeartbeatStopped},
    {{"session-out-of-memory", 0, WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY, Confidence::kMedium,
      "The process ended without a sign, and the system had just ended a process for lack of memory."},
     MemoryRanOutJustNow},
    {{"session-out-of-memory-later", 0, WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY, Confidence::kLow,
      "The process ended without a sign, and some time since the system ended a process for lack of memory."},
     MemoryRanOut},
    {{"session-no-sign", 0, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium,
      "The process ended without a sign of crash or exit: it was killed or ended itself at once."},
     Otherwise},
};

}  // namespace

RuleTable<SessionRule> SessionRules() {
  return {kSessionRules, static_cast<int>(sizeof kSessionRules / sizeof *kSessionRules)};
}

const Decision* MatchSessionRule(const SessionEvidence& evidence) {
  static constexpr auto kDeciders = WithoutSentences(kSessionRules);
  return FirstMatch(kDeciders, evidence);
}

}  // namespace whydrop
