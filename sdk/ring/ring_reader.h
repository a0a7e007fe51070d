// Reads a ring file of a dead process (or a private copy of a live one) as hostile bytes: everything is bounded,
// nothing is repaired, nothing is allocated by a number that stands in the file.
//
// Thread rule: pure.
#ifndef WHYDROP_RING_RING_READER_H
#define WHYDROP_RING_RING_READER_H

#include <cstdint>
#include <string>
#include <vector>

#include "platform/status.h"
#include "ring/ring_writer.h"  // RingIdentity, ConnectionIdentity

namespace whydrop {

inline constexpr size_t kMaxClientRingBytes = size_t{1} << 20;
inline constexpr size_t kMaxServerRingBytes = size_t{64} << 20;

// Stands for the key index of an ended connection that found the key ring full: behind every index that is sealed.
inline constexpr uint64_t kFlowRingKeyIndex = UINT64_MAX - 1;

struct RingConnection {
  ConnectionIdentity identity;
  bool open = false;  // was open when the ring was left
  Evidence evidence;  // of the end, else the failure kept so far plus counters and times of the live part
  Cause cause = 0;    // the writer's verdict; 0 for open ones
  Confidence confidence = Confidence::kNone;
  uint64_t key_index = 0;     // of the ended record in the key ring; kFlowRingKeyIndex if it is in the flow ring
  uint64_t flow_index = 0;    // there
  uint64_t link_down_ms = 0;  // open ones: LiveConnection::link_down_ms
  bool failed = false;        // open ones: a failure or peer's close was kept
};

struct RingEvent {
  uint64_t index = 0;  // order within its ring
  bool key = false;
  uint64_t at_ms = 0;  // session time
  EventType type = EventType::kOpened;
  uint32_t connection = 0;
  int64_t a = 0;
  int64_t b = 0;
};

struct RingTag {
  std::string key, value;
};

struct RingTotal {
  std::string endpoint;
  Cause cause = 0;
  uint64_t count = 0;  // all ended connections of that endpoint and cause, recorded one by one or not
  uint64_t first_ms = 0, last_ms = 0;
  uint64_t settled = 0;  // of `count` those that finished rotations have told
  size_t entry = 0;      // its first entry in the ring
};

// A plain copy of the life page, range-checked.
struct RingLife {
  bool clean_mark = false;
  int32_t exit_reason = 0;
  bool shutdown_announced = false;
  bool handlers_installed = false;
  bool handlers_displaced = false;
  uint64_t ended_ms = 0, heartbeat_ms = 0, tick_ms = 0, tick_boot_ms = 0;
  int64_t tick_unix_ms = 0;
  bool oom_kills_known = false;
  uint64_t oom_kills = 0;
  uint64_t suspend_end_ms = 0, suspend_length_ms = 0;
  uint64_t recorded = 0, connections_opened = 0;
  uint64_t losses[kLossCount] = {};
  uint64_t sealed_index = 0, seal_to = 0, seal_reference_ms = 0;
  uint32_t rotation = 0;   // of the intent if there is one, else the next one
  uint64_t flow_told = 0;  // ends in the flow ring below are told by finished rotations

  struct Crash {
    MarkerState state = MarkerState::kNone;
    int32_t kind = 0;
    uint32_t code = 0;
    int32_t signal_code = 0;
    int32_t address_class = 0;
    bool exiting = false;
    uint64_t thread_id = 0, offset = 0, at_ms = 0, alive_ms = 0;
    uint32_t recovered = 0;
    std::string module, report_id;
  } crash;
};

struct RingDamage {
  uint64_t slots_damaged = 0;     // checksum or a bound did not hold
  uint64_t slots_unfinished = 0;  // a thread died while it wrote: normal
  uint64_t connections_damaged = 0;
  uint64_t tags_damaged = 0;
  uint64_t totals_damaged = 0;
  bool life_out_of_range = false;
};

struct RingContents {
  RingIdentity identity;
  RingLife life;
  std::vector<RingTag> tags;
  std::vector<RingConnection> connections;  // ended ones in order of their key index, then open ones by number
  std::vector<RingTotal> totals;
  std::vector<RingEvent> events;  // key and flow, by time, then index
  RingDamage damage;
};

// Copies a ring that is being written, or a part of it, a word at a time, so that the copy can be read. `live` and `out`
// hold `size` bytes, those of `out` zeros: what is zero is not written, so that a large ring that is mostly empty costs
// little memory. Goes upwards, so that a close total never counts a connection whose record the copy has missed.
void CopyLiveRing(const uint8_t* live, size_t size, uint8_t* out);

// kCorrupt: no ring, or its header does not hold (nothing can be trusted). kUnsupported: another version. Otherwise OK,
// with what could be read and the damage counted.
Status ReadRing(const uint8_t* bytes, size_t size, RingContents* out);

// The header alone, from the first kHeaderBytes bytes.
Status ReadRingHeader(const uint8_t* bytes, size_t size, RingIdentity* out);

}  // namespace whydrop

#endif
