#include "upload/session_report.h"

#include <algorithm>

#include "platform/identity.h"

namespace whydrop {
namespace {

using Id = std::array<uint8_t, 16>;

bool Known(const Id& id) { return id != Id{}; }

bool Crashed(const RingLife& life) { return life.crash.state == MarkerState::kCrashed; }

// Session time as time since boot: by the worker's last tick, which has seen every suspend before it.
uint64_t BootMsAt(const RingContents& ring, uint64_t session_ms) {
  const RingLife& life = ring.life;
  if (life.tick_ms == 0 || life.tick_boot_ms == 0) return ring.identity.started_boot_ms + session_ms;
  const uint64_t boot_ms = life.tick_boot_ms + session_ms;
  return boot_ms > life.tick_ms ? boot_ms - life.tick_ms : 0;
}

void SetTimes(const RingContents& ring, uint64_t session_ms, SessionReport* report) {
  report->ended_ms = session_ms;
  report->ended_boot_ms = BootMsAt(ring, session_ms);
  report->ended_unix_ms =
      ring.identity.started_unix_ms + static_cast<int64_t>(report->ended_boot_ms - ring.identity.started_boot_ms);
  report->open_connections = static_cast<uint32_t>(
      std::count_if(ring.connections.begin(), ring.connections.end(), [](const RingConnection& c) { return c.open; }));
}

// The main loop's last sign of life, for the question whether it hung: while all stood still it was not to blame, so
// the end of the last suspend counts like a heartbeat.
uint64_t HangReferenceMs(const RingLife& life) {
  return life.heartbeat_ms == 0 ? 0 : std::max(life.heartbeat_ms, life.suspend_end_ms);
}

}  // namespace

uint64_t TimeOfDeathMs(const RingContents& ring) {
  const RingLife& life = ring.life;
  if ((life.clean_mark || life.exit_reason != 0) && life.ended_ms != 0) return life.ended_ms;
  if (Crashed(life) && life.crash.at_ms != 0) return life.crash.at_ms;
  // Records and heartbeats may be younger than the worker's last tick, which comes four times a second.
  uint64_t last = std::max(life.tick_ms, life.heartbeat_ms);
  for (const RingEvent& event : ring.events) last = std::max(last, event.at_ms);
  return last;
}

HarvestFacts FactsOf(const RingContents& ring, const SystemNow& now) {
  HarvestFacts facts;
  // The ring of another machine (a copied home directory) says nothing about a reboot of this one.
  const bool other_machine =
      Known(ring.identity.machine_hash) && Known(now.machine_hash) && ring.identity.machine_hash != now.machine_hash;
  const platform::Boots boots = platform::CompareBoots(ring.identity.boot_id, now.boot_id);
  facts.same_boot_known = !other_machine && boots != platform::Boots::kUnknown;
  facts.same_boot = facts.same_boot_known && boots == platform::Boots::kSame;
  facts.oom_rose_known = facts.same_boot && ring.life.oom_kills_known && now.oom_kills_known;
  facts.oom_rose = facts.oom_rose_known && now.oom_kills > ring.life.oom_kills;
  SessionReport times;
  SetTimes(ring, TimeOfDeathMs(ring), &times);
  if (facts.same_boot) {
    facts.since_death_ms = now.boot_ms > times.ended_boot_ms ? now.boot_ms - times.ended_boot_ms : 0;
  } else {
    facts.since_death_ms =
        now.unix_ms > times.ended_unix_ms ? static_cast<uint64_t>(now.unix_ms - times.ended_unix_ms) : 0;
  }
  return facts;
}

SessionReport ReportSession(const RingContents& ring, const HarvestFacts& facts) {
  const RingLife& life = ring.life;
  SessionEvidence evidence;
  evidence.crash_marker = Crashed(life);
  evidence.alive_after_fault_ms = life.crash.alive_ms > life.crash.at_ms ? life.crash.alive_ms - life.crash.at_ms : 0;
  evidence.shutdown_announced = life.shutdown_announced || life.exit_reason == WHYDROP_EXIT_OS_SHUTDOWN;
  evidence.clean_mark = life.clean_mark;
  evidence.exit_note = life.exit_reason != 0;
  evidence.same_boot_known = facts.same_boot_known;
  evidence.same_boot = facts.same_boot;
  evidence.heartbeat_ever = life.heartbeat_ms != 0;
  evidence.heartbeat_ms = HangReferenceMs(life);
  evidence.tick_ms = life.tick_ms;
  evidence.oom_rose_known = facts.oom_rose_known;
  evidence.oom_rose = facts.oom_rose;
  evidence.since_death_ms = facts.since_death_ms;
  SessionReport report;
  report.end = ClassifySessionEnd(evidence);
  report.crashed = evidence.crash_marker;
  SetTimes(ring, TimeOfDeathMs(ring), &report);
  return report;
}

SessionReport ReportRunningSession(const RingContents& ring, uint64_t reference_ms) {
  SessionReport report;
  report.running = true;
  SetTimes(ring, reference_ms, &report);
  return report;
}

Evidence CompleteEvidence(const RingContents& ring, const SessionReport& report, const RingConnection& connection) {
  Evidence evidence = connection.evidence;
  if (!connection.open || report.running) return evidence;
  evidence.Set(Field::ended_ms, static_cast<int64_t>(report.ended_ms));
  if (connection.failed) return evidence;
  evidence.Set(Field::session_end, report.end.cause);
  evidence.Set(Field::session_end_confidence, static_cast<int64_t>(report.end.confidence));
  if (connection.link_down_ms != 0) evidence.Set(Field::link_down_at_death, 1);
  const RingLife& life = ring.life;
  const uint64_t heartbeat_ms = HangReferenceMs(life);
  if (heartbeat_ms != 0 && life.tick_ms > heartbeat_ms) {
    evidence.Set(Field::hang_gap_ms, static_cast<int64_t>(life.tick_ms - heartbeat_ms));
  }
  return evidence;
}

}  // namespace whydrop
