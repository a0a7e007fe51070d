// The two ends of one connection, put together: what the classifier says, and what the server's own error number said.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_JOIN_H
#define WHYDROP_COLLECTOR_JOIN_H

#include <cstdint>
#include <optional>
#include <string>

#include "causes/classifier.h"
#include "core/evidence.h"

namespace whydrop::collector {

// Why a server that has not said so itself is taken for dead: a new process of its machine, a new boot of it (or
// several of its clients saw the machine fall silent), or three missed reports alone. The values are stored.
enum class Replaced : int32_t { kNo = 0, kProcess = 1, kHost = 2, kSilent = 3 };

// One end's record of the connection and what is known of the session it belongs to.
struct EndRecord {
  Evidence evidence;
  bool open = false;
  int32_t platform = 0;
  int32_t session_end = 0;
  bool more_reports_follow = false;  // the session runs and reports in rotations
  bool next_refused = false;         // a client's: its next attempt, right afterwards, was refused
  Replaced replaced = Replaced::kNo;
};

struct Joined {
  JoinedVerdict verdict;
  std::string server_error;  // "104 ECONNRESET", "recv 0", "time-out", "none", "no record"
};

// At least one end must be there.
Joined Join(const std::optional<EndRecord>& client, const std::optional<EndRecord>& server, bool recovered);

// True if the record tells how the connection ended; a running server also reports those that have not.
bool TellsAnEnd(const EndRecord& record);

// The client's next attempt was refused, and so soon after this end that the one has to do with the other.
bool IsRefusedAfter(const Evidence& ended, const Evidence& attempt);

// What the server's program alone had in its hands when the connection ended.
std::string ServerErrorName(const EndRecord& server);

// The outcome that a cause alone implies, for connections that were only counted.
Outcome OutcomeOfCause(Cause cause);

}  // namespace whydrop::collector

#endif
