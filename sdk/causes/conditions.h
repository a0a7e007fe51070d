// Conditions that rules of several tables share.
//
// Thread rule: pure.
#ifndef WHYDROP_CAUSES_CONDITIONS_H
#define WHYDROP_CAUSES_CONDITIONS_H

#include <algorithm>

#include "core/evidence.h"
#include "whydrop/whydrop.h"

namespace whydrop {

inline bool Is(const Evidence& e, Field field, int64_t value) { return e.Has(field) && e.Get(field) == value; }
inline bool AtLeast(const Evidence& e, Field field, int64_t value) { return e.Has(field) && e.Get(field) >= value; }
inline bool AtMost(const Evidence& e, Field field, int64_t value) { return e.Has(field) && e.Get(field) <= value; }
inline bool IsPositive(const Evidence& e, Field field) { return AtLeast(e, field, 1); }

inline bool IsError(const Evidence& e, ErrorKind kind) { return Is(e, Field::error_kind, static_cast<int64_t>(kind)); }
inline bool IsAppTimeout(const Evidence& e) { return Is(e, Field::operation, WHYDROP_OP_APP_TIMEOUT); }
inline bool HasFailed(const Evidence& e) { return e.Has(Field::error_kind) || IsAppTimeout(e); }
inline bool HasEnd(const Evidence& e) {
  return HasFailed(e) || e.IsTrue(Field::peer_closed) || e.IsTrue(Field::closed_locally);
}

// It was closed by its own application: of its own will or, after a failure, to clean up.
inline bool IsClosed(const Evidence& e) { return e.IsTrue(Field::closed_locally) || e.Has(Field::close_reason); }

// The application was still setting the connection up when the error came.
inline bool IsConnecting(const Evidence& e) {
  return AtLeast(e, Field::operation, WHYDROP_OP_RESOLVE) && AtMost(e, Field::operation, WHYDROP_OP_TLS);
}

inline bool IsTcp(const Evidence& e) { return Is(e, Field::protocol, WHYDROP_TCP); }
inline bool IsUdp(const Evidence& e) { return Is(e, Field::protocol, WHYDROP_UDP); }
inline bool IsEstablished(const Evidence& e) { return e.IsTrue(Field::established); }

// A TCP reset. The same error of a UDP socket means that the peer's port is closed.
inline bool IsReset(const Evidence& e) { return IsError(e, ErrorKind::kReset) && !IsUdp(e); }

// Data is on its way for longer than an acknowledgement can take: it belongs to a run of sends, and nothing at all came in
// since. An application that sends more often than every two round trips puts the retransmission timer off each time, so
// that seconds of silence show no retransmission.
inline bool IsOverdue(const Evidence& e) {
  constexpr int64_t kSendApartMs = 1000;   // at most, between two sends of a run: pause and ticks
  constexpr int64_t kDelayedAckMs = 200;   // the longest that a peer may keep an acknowledgement
  constexpr int64_t kMaxRttUs = 60000000;  // also keeps hostile values from overflowing
  if (!IsPositive(e, Field::outq_bytes) || !e.Has(Field::sending_for_ms) || !e.Has(Field::last_ack_recv_ms))
    return false;
  if (!IsPositive(e, Field::rtt_us) || !AtMost(e, Field::rtt_us, kMaxRttUs)) return false;
  if (AtLeast(e, Field::notsent_bytes, e.Get(Field::outq_bytes))) return false;
  const int64_t silent_ms = std::min(e.Get(Field::sending_for_ms), e.Get(Field::last_ack_recv_ms));
  return silent_ms > kSendApartMs + kDelayedAckMs + 2 * e.Get(Field::rtt_us) / 1000;
}
inline bool IsSilenceBefore(const Evidence& e) {
  return IsPositive(e, Field::retransmits) || IsPositive(e, Field::probes) || IsOverdue(e);
}
inline bool IsTimeout(const Evidence& e) { return IsError(e, ErrorKind::kTimedOut) || IsAppTimeout(e); }

// Milliseconds from the connection's beginning to its end, as this end saw it. False: not known.
inline bool EndAge(const Evidence& e, int64_t* age_ms) {
  const Field begin = e.Has(Field::connected_ms) ? Field::connected_ms : Field::opened_ms;
  const Field end = e.Has(Field::failure_ms) ? Field::failure_ms : Field::ended_ms;
  if (!e.Has(begin) || !e.Has(end) || e.Get(begin) < 0 || e.Get(end) < e.Get(begin)) return false;
  *age_ms = e.Get(end) - e.Get(begin);
  return true;
}

// The machine's own network has nothing to do with it.
inline bool IsLocalNetworkFine(const Evidence& e) {
  return e.IsTrue(Field::link_up) && e.IsTrue(Field::local_address_present) && e.IsTrue(Field::route_present);
}

inline constexpr int64_t kAckFlowsMs = 2000;  // an acknowledgement this young: the peer's TCP is alive

// This end waited in vain for an application whose TCP was alive: the path was whole.
inline bool IsPeerAliveButMute(const Evidence& e) {
  return IsTimeout(e) &&
         (Is(e, Field::snd_wnd_bytes, 0) || (IsAppTimeout(e) && AtMost(e, Field::last_ack_recv_ms, kAckFlowsMs)));
}

}  // namespace whydrop

#endif
