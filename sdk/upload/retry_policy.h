// What to do with a batch after an attempt to deliver it: the answer table of the design, and nothing else.
//
// Thread rule: pure.
#ifndef WHYDROP_UPLOAD_RETRY_POLICY_H
#define WHYDROP_UPLOAD_RETRY_POLICY_H

#include <cstdint>

#include "upload/wire.h"

namespace whydrop {

inline constexpr uint32_t kMaxAttemptsPerLaunch = 3;
inline constexpr uint32_t kMaxRefusedLaunches = 5;
inline constexpr uint32_t kMaxRetryAfterS = 24 * 3600;

struct Attempt {
  bool answered = false;      // an HTTP answer came in whole; false: DNS, connect, TLS, time-out, truncated
  int32_t status = 0;         // HTTP status
  bool acknowledged = false;  // the body is an Ack that echoes id and hash of the batch
  AckVerdict verdict = AckVerdict::kUnspecified;
  uint32_t retry_after_s = 0;     // of the header or of the Ack, 0: none
  int32_t role = 0;               // WHYDROP_ROLE_*
  uint32_t attempts = 1;          // that failed in this launch, this one included
  uint32_t refused_launches = 0;  // earlier launches in which this batch met another 4xx
  uint32_t random = 0;            // for the jitter
};

enum class Action {
  kDeleteAcknowledged,
  kDeleteRejected,
  kDisable,       // delete everything, stay off until the app version changes
  kStopLaunch,    // keep; nothing more in this launch
  kCountRefusal,  // keep, add one refused launch; nothing more in this launch
  kDropRefused,   // give the batch up; nothing more in this launch
  kRetryLater,    // keep; try again after delay_ms
};

struct Decision {
  Action action = Action::kStopLaunch;
  uint32_t delay_ms = 0;  // before the next request, whichever it is
};

Decision Decide(const Attempt& attempt);

}  // namespace whydrop

#endif
