// How a session ended, decided from its ring and from what the system knows now, and the open connections' evidence
// completed with it. Pure, so that the uploader and the whydrop command say the same of the same ring.
//
// Thread rule: pure; no clock, no I/O.
#ifndef WHYDROP_UPLOAD_SESSION_REPORT_H
#define WHYDROP_UPLOAD_SESSION_REPORT_H

#include <array>
#include <cstdint>

#include "causes/classifier.h"
#include "ring/ring_reader.h"

namespace whydrop {

// What the system says at the harvest.
struct SystemNow {
  std::array<uint8_t, 16> boot_id{};       // zeros: unknown
  std::array<uint8_t, 16> machine_hash{};  // as RingIdentity::machine_hash; zeros: unknown
  uint64_t boot_ms = 0;
  int64_t unix_ms = 0;
  bool oom_kills_known = false;
  uint64_t oom_kills = 0;
};

// The part of a session's end that the ring alone cannot tell. It is frozen before the first batch is written: a
// harvest that is killed and continued after a reboot must not come to another end than the parts written before.
struct HarvestFacts {
  bool same_boot_known = false;
  bool same_boot = false;
  bool oom_rose_known = false;
  bool oom_rose = false;
  uint64_t since_death_ms = 0;
};

struct SessionReport {
  Verdict end;
  bool running = false;        // the session goes on: its open connections have no end
  bool crashed = false;        // a crash marker stands that was not revoked
  uint64_t ended_ms = 0;       // session time of the last sign of life
  uint64_t ended_boot_ms = 0;  // the same moment as time since boot, suspends included
  int64_t ended_unix_ms = 0;   // and by the wall clock of the session's start
  uint32_t open_connections = 0;
};

// Session time of death: of the clean mark or the exit note, else of the crash marker, else the last sign of life.
uint64_t TimeOfDeathMs(const RingContents& ring);

HarvestFacts FactsOf(const RingContents& ring, const SystemNow& now);

// The end of a dead session.
SessionReport ReportSession(const RingContents& ring, const HarvestFacts& facts);

// The report of a session that goes on, at session time `reference_ms`: no end, only times.
SessionReport ReportRunningSession(const RingContents& ring, uint64_t reference_ms);

// Evidence and verdict of a connection: those of an ended one as recorded, of an open one with the session's end added.
Evidence CompleteEvidence(const RingContents& ring, const SessionReport& report, const RingConnection& connection);

}  // namespace whydrop

#endif
