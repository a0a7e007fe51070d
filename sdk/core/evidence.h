// What is known about the end of one connection, each field with a presence bit: a condition on absent evidence is
// false. The field's number is at once its presence bit, its number in whydrop.v1.Evidence and its number in the ring
// file, so a number is never reused and never above 63. Values are integers; their meaning and unit stand in
// proto/whydrop/v1/report.proto, the one place where they are documented.
//
// Thread rule: a plain value.
#ifndef WHYDROP_CORE_EVIDENCE_H
#define WHYDROP_CORE_EVIDENCE_H

#include <cstdint>

#include "platform/socket_error.h"  // ErrorKind, the values of error_kind

namespace whydrop {

// X(number, name): see report.proto for each one's meaning and unit. The most telling ones come first, because what
// does not fit into the ring is cut at the end.
#define WHYDROP_EVIDENCE_FIELDS(X) \
  X(1, error_kind)                 \
  X(2, os_error)                   \
  X(3, operation)                  \
  X(4, established)                \
  X(5, peer_closed)                \
  X(6, closed_locally)             \
  X(7, close_reason)               \
  X(8, announced_reason)           \
  X(9, protocol)                   \
  X(10, tcp_state)                 \
  X(11, retransmits)               \
  X(12, probes)                    \
  X(13, outq_bytes)                \
  X(14, inq_bytes)                 \
  X(15, notsent_bytes)             \
  X(16, snd_wnd_bytes)             \
  X(17, last_ack_recv_ms)          \
  X(18, last_data_recv_ms)         \
  X(19, last_data_sent_ms)         \
  X(20, rtt_us)                    \
  X(21, min_rtt_us)                \
  X(22, snd_mss_bytes)             \
  X(23, path_mtu_bytes)            \
  X(24, since_recv_ms)             \
  X(25, since_send_ms)             \
  X(26, sent_since_recv_bytes)     \
  X(27, link_up)                   \
  X(28, link_down_since_recv)      \
  X(29, local_address_present)     \
  X(30, route_present)             \
  X(31, suspended_ms)              \
  X(32, loop_gap_ms)               \
  X(33, peer_loopback)             \
  X(34, link_tunnel)               \
  X(35, linger_zero)               \
  X(36, app_min_rtt_us)            \
  X(37, app_rtt_us)                \
  X(38, largest_send_bytes)        \
  X(39, unread_at_close_bytes)     \
  X(40, bytes_sent)                \
  X(41, bytes_received)            \
  X(42, poll_error)                \
  X(43, wine)                      \
  X(44, backoff)                   \
  X(45, total_rto)                 \
  X(46, total_retrans)             \
  X(47, unacked)                   \
  X(48, lost)                      \
  X(49, no_route_errors)           \
  X(50, session_end)               \
  X(51, session_end_confidence)    \
  X(52, link_down_at_death)        \
  X(53, failure_ms)                \
  X(54, ended_ms)                  \
  X(55, opened_ms)                 \
  X(56, connected_ms)              \
  X(57, hang_gap_ms)               \
  X(58, sending_for_ms)            \
  X(59, refused_bytes)             \
  X(60, refused_retransmits)       \
  X(61, largest_since_recv_bytes)

enum class Field : uint8_t {
#define WHYDROP_X(number, name) name = number,
  WHYDROP_EVIDENCE_FIELDS(WHYDROP_X)
#undef WHYDROP_X
};

inline constexpr int kFieldLimit = 64;  // field numbers are 1..63

// Bit n is set when a field has the number n.
inline constexpr uint64_t kKnownFields =
#define WHYDROP_X(number, name) uint64_t{1} << number |
    WHYDROP_EVIDENCE_FIELDS(WHYDROP_X) uint64_t{0};
#undef WHYDROP_X

// The field's name, "error_kind"; nullptr for a number that no field has.
const char* FieldName(int number);

class Evidence {
 public:
  bool Has(Field field) const { return (present_ >> Index(field)) & 1u; }
  int64_t Get(Field field) const { return values_[Index(field)]; }  // 0 if absent
  int64_t GetOr(Field field, int64_t fallback) const { return Has(field) ? Get(field) : fallback; }
  bool IsTrue(Field field) const { return Has(field) && Get(field) != 0; }
  bool IsFalse(Field field) const { return Has(field) && Get(field) == 0; }

  void Set(Field field, int64_t value) {
    present_ |= uint64_t{1} << Index(field);
    values_[Index(field)] = value;
  }
  void Clear(Field field) {
    present_ &= ~(uint64_t{1} << Index(field));
    values_[Index(field)] = 0;
  }
  uint64_t present() const { return present_; }

 private:
  static int Index(Field field) { return static_cast<int>(field); }
  uint64_t present_ = 0;
  int64_t values_[kFieldLimit] = {};
};

}  // namespace whydrop

#endif
