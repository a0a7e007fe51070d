// How a session ended, from what the next launch finds.
#include <doctest/doctest.h>

#include <string>

#include "causes/classifier.h"

namespace whydrop {
namespace {

SessionEvidence SameBoot() {
  SessionEvidence session;
  session.same_boot_known = session.same_boot = true;
  session.heartbeat_ever = true;
  session.heartbeat_ms = 60000;
  session.tick_ms = 60200;
  session.oom_rose_known = true;
  session.since_death_ms = 5000;
  return session;
}

// Every sign at once; the tests take them away from the top.
SessionEvidence EverySign() {
  SessionEvidence session = SameBoot();
  session.crash_marker = session.shutdown_announced = session.clean_mark = session.exit_note = true;
  session.same_boot = false;
  session.heartbeat_ms = 10000;
  session.oom_rose = true;
  return session;
}

void CheckEnd(const SessionEvidence& session, Cause cause, Confidence confidence) {
  const Verdict verdict = ClassifySessionEnd(session);
  CHECK(std::string(CauseName(verdict.cause)) == CauseName(cause));
  CHECK(std::string(ConfidenceName(verdict.confidence)) == ConfidenceName(confidence));
}

TEST_CASE("a crash marker is a crash, less surely when other threads ran on for 30 s") {
  SessionEvidence session = SameBoot();
  session.crash_marker = true;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
  session.alive_after_fault_ms = 29999;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
  session.alive_after_fault_ms = 30000;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kMedium);
}

TEST_CASE("an announced shutdown is a system shutdown, also when the machine was started anew since") {
  SessionEvidence session = SameBoot();
  session.shutdown_announced = true;
  CheckEnd(session, WHYDROP_CAUSE_SYSTEM_SHUTDOWN, Confidence::kHigh);
  session.same_boot = false;
  CheckEnd(session, WHYDROP_CAUSE_SYSTEM_SHUTDOWN, Confidence::kHigh);
}

TEST_CASE("a clean mark is a clean exit; an exit note alone is one less surely") {
  SessionEvidence session = SameBoot();
  session.exit_note = true;
  CheckEnd(session, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kMedium);
  session.clean_mark = true;
  CheckEnd(session, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kHigh);
  session.exit_note = false;
  CheckEnd(session, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kHigh);
}

TEST_CASE("another boot without an announcement is a system that went down") {
  SessionEvidence session = SameBoot();
  session.same_boot = false;
  CheckEnd(session, WHYDROP_CAUSE_SYSTEM_DOWN, Confidence::kHigh);
  session.same_boot_known = false;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
}

TEST_CASE("a heartbeat that stopped 5 s before the worker's last tick is a hang") {
  SessionEvidence session = SameBoot();
  session.tick_ms = session.heartbeat_ms + 5000;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_HANG, Confidence::kHigh);
  session.tick_ms = session.heartbeat_ms + 4999;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
  // The main loop may beat once more after the worker's last tick.
  session.tick_ms = session.heartbeat_ms - 1;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
}

TEST_CASE("a game that never called the heartbeat never hangs") {
  SessionEvidence session = SameBoot();
  session.heartbeat_ever = false;
  session.heartbeat_ms = 0;
  session.tick_ms = 3600 * 1000;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
}

TEST_CASE("a heartbeat that stopped after the exit's note or the stop is no hang") {
  SessionEvidence session = SameBoot();
  session.tick_ms = session.heartbeat_ms + 60000;
  session.exit_note = true;
  CheckEnd(session, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kMedium);
  session.exit_note = false;
  session.clean_mark = true;
  CheckEnd(session, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kHigh);
}

TEST_CASE("a risen out-of-memory count counts within 10 minutes, less surely later, and only in the same boot") {
  SessionEvidence session = SameBoot();
  session.oom_rose = true;
  session.since_death_ms = 600000;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY, Confidence::kMedium);
  session.since_death_ms = 600001;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY, Confidence::kLow);
  session.same_boot_known = false;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
  session.same_boot_known = true;
  session.oom_rose_known = false;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
}

TEST_CASE("without any sign the process was killed") {
  CheckEnd(SameBoot(), WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
  CheckEnd(SessionEvidence(), WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
}

TEST_CASE("of several signs crash, shutdown, clean mark, exit note, other boot, hang and memory go in this order") {
  SessionEvidence session = EverySign();
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
  session.crash_marker = false;
  CheckEnd(session, WHYDROP_CAUSE_SYSTEM_SHUTDOWN, Confidence::kHigh);
  session.shutdown_announced = false;
  CheckEnd(session, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kHigh);
  session.clean_mark = false;
  CheckEnd(session, WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kMedium);
  session.exit_note = false;
  CheckEnd(session, WHYDROP_CAUSE_SYSTEM_DOWN, Confidence::kHigh);
  session.same_boot = true;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_HANG, Confidence::kHigh);
  session.heartbeat_ever = false;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY, Confidence::kMedium);
  session.oom_rose = false;
  CheckEnd(session, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
}

}  // namespace
}  // namespace whydrop
