// Why a connection or a session ended: evidence in, cause, confidence and the deciding rule out. Ordered rules, first
// match wins, a condition on absent evidence is false. The same code decides in the SDK, in the whydrop command and in
// the collector.
//
// Thread rule: pure; no clock, no I/O. Classify* allocate nothing.
#ifndef WHYDROP_CAUSES_CLASSIFIER_H
#define WHYDROP_CAUSES_CLASSIFIER_H

#include <cstdint>
#include <string>

#include "core/cause.h"
#include "core/evidence.h"

namespace whydrop {

struct Verdict {
  Cause cause = WHYDROP_CAUSE_UNKNOWN;
  Confidence confidence = Confidence::kNone;
  const char* rule = "none";  // the rule's stable name, "timeout-link-down"; static storage
};

// One end's record alone. Covers the client rules, and the inheritance of a session's end (Field::session_end) by
// connections that were open and had neither failed nor been closed or announced. A server's own record is judged by the
// same rules, for what its evidence supports.
Verdict ClassifyConnection(const Evidence& evidence);

// How a session ended, decided at the next launch.
struct SessionEvidence {
  bool crash_marker = false;  // set and not revoked
  uint64_t alive_after_fault_ms = 0;
  bool shutdown_announced = false;
  bool clean_mark = false;
  bool exit_note = false;
  bool same_boot_known = false;
  bool same_boot = false;
  bool heartbeat_ever = false;
  uint64_t heartbeat_ms = 0;  // session times
  uint64_t tick_ms = 0;
  bool oom_rose_known = false;
  bool oom_rose = false;        // the out-of-memory count rose since the last tick
  uint64_t since_death_ms = 0;  // from the last sign of life to the harvest
};
Verdict ClassifySessionEnd(const SessionEvidence& evidence);

// What else the collector knows about the server of one connection.
struct ServerContext {
  bool seen = false;              // a server record of this connection exists
  bool end_recorded = false;      // it says how the connection ended on the server's side
  bool process_replaced = false;  // that server process ended without closing, or a new one took its place
  bool host_replaced = false;     // and it runs in another boot, or other clients of that host fell silent too
  bool refuses = false;           // it refused the attempt that the client made right after this connection
  bool window_passed = false;     // no more reports are waited for
};

// values of the API: "clean", "dropped", "recovered", "failed"
enum class Outcome : int32_t { kClean = 1, kDropped = 2, kRecovered = 3, kFailed = 4 };
const char* OutcomeName(Outcome outcome);

struct JoinedVerdict {
  Verdict verdict;
  Outcome outcome = Outcome::kDropped;
};

// Both ends together; either may be nullptr, not both. `recovered`: a reconnect of this connection stood.
JoinedVerdict ClassifyJoined(const Evidence* client, const Evidence* server, const ServerContext& context,
                             bool recovered);

// One sentence a game programmer understands: which rule decided and the evidence it saw, e.g. "The peer reset the
// connection (ECONNRESET in recv) with nothing in our send queue: the server sent it unasked."
std::string Explain(const Verdict& verdict, const Evidence& evidence);
std::string ExplainJoined(const Verdict& verdict, const Evidence* client, const Evidence* server);

}  // namespace whydrop

#endif
