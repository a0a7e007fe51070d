// The regions of a ring file as they lie in memory. Offsets, meanings and reasons stand in FORMAT.md; this header is
// its twin in code, and the static_asserts keep the two together.
//
// Everything that changes while the process runs is a single aligned atomic, so that a reader of the dead file never
// sees half of a value. Session times are milliseconds of the coarse monotonic clock since the start of the session
// plus 1: 0 means "never".
//
// Thread rule: fields are atomics; who writes which stands at the field.
#ifndef WHYDROP_RING_RING_LAYOUT_H
#define WHYDROP_RING_RING_LAYOUT_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/labels.h"

namespace whydrop {

static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);
static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4);

inline constexpr uint32_t kRingVersion = 1;
inline constexpr size_t kHeaderBytes = 4096;
inline constexpr size_t kLifeBytes = 4096;
inline constexpr size_t kTagsBytes = 4096;    // kMaxTags entries, two copies each
inline constexpr size_t kTotalsBytes = 8192;  // kMaxTotals entries of 64 bytes
inline constexpr size_t kMaxTotals = kTotalsBytes / 64;
inline constexpr size_t kConnectionBytes = 448;
inline constexpr size_t kSlotBytes = 128;
inline constexpr size_t kSlotPayloadBytes = 104;

// Events of both rings. Values below 100 are those of whydrop.v1.Event.Type and carry {connection, a, b}; the others
// are parts of an ended connection's record.
enum class EventType : uint16_t {
  kOpened = 1,
  kConnected = 2,
  kFailed = 3,
  kPeerClosed = 4,
  kCloseAnnounced = 5,
  kClosed = 6,
  kLinkDown = 7,
  kLinkUp = 8,
  kAddressRemoved = 9,
  kAddressAdded = 10,
  kRouteRemoved = 11,
  kRouteAdded = 12,
  kSuspended = 13,
  kStalled = 14,
  kHandlerDisplaced = 15,
  kClockStepped = 16,
  kFaultRecovered = 17,
  kReported = 18,
  kConnectionEnd = 100,       // identity and verdict of an ended connection
  kConnectionEvidence = 101,  // a chunk of its evidence
};

// The changing part of a connection's slot. Written by the game's threads with relaxed stores and adds unless said
// otherwise.
struct LiveConnection {
  std::atomic<uint64_t> state;  // generation << 2 | ConnectionState; published with release
  std::atomic<uint64_t> sent_bytes;
  std::atomic<uint64_t> received_bytes;
  std::atomic<uint64_t> sent_bytes_at_receive;  // sent_bytes when the last receive was reported
  std::atomic<uint64_t> opened_ms;
  std::atomic<uint64_t> connected_ms;
  std::atomic<uint64_t> last_sent_ms;      // of the coarse tick
  std::atomic<uint64_t> last_received_ms;  // of the coarse tick
  std::atomic<uint64_t> link_down_ms;      // worker: when the socket's link last went down, 0 if it is up
  std::atomic<uint32_t> app_min_rtt_us;    // 0: none yet
  std::atomic<uint32_t> app_rtt_us;
  std::atomic<uint32_t> largest_send_bytes;
  std::atomic<uint32_t> link_index;  // number of the socket's device, 0 unknown
  std::atomic<uint32_t> announced;   // close reason + 1, 0 if none was announced
  std::atomic<uint32_t> flags;       // ConnectionFlag
};
static_assert(sizeof(LiveConnection) == 96);

enum class ConnectionState : uint64_t { kFree = 0, kOpening = 1, kOpen = 2, kEnding = 3 };

enum ConnectionFlag : uint32_t {
  kFlagFailureClaimed = 1,  // the evidence block is being, or has been, written: the first failure wins
  kFlagPeerLoopback = 2,
  kFlagLinkTunnel = 4,
  // Threads inside the slot that must not be handed on yet: who leaves last after the end frees it.
  kFlagTokenBusy = 8,
  kFlagFailureBusy = 16,
  kFlagEnded = 32,
};

// The marker a crash leaves. Plain stores from the signal handler; `state` last, with release.
struct CrashMarker {
  std::atomic<uint32_t> state;  // MarkerState
  std::atomic<uint32_t> kind;   // platform::CrashKind
  std::atomic<uint32_t> code;
  std::atomic<int32_t> signal_code;
  std::atomic<uint32_t> address_class;
  std::atomic<uint32_t> exiting;  // 1: whydrop_stop or an exit note came before
  std::atomic<uint64_t> thread_id;
  std::atomic<uint64_t> stack_pointer;
  std::atomic<uint64_t> offset;
  std::atomic<uint64_t> at_ms;
  std::atomic<uint64_t> alive_ms;   // worker: its last tick after the fault
  std::atomic<uint32_t> recovered;  // how often a marker was written and revoked
  std::atomic<uint32_t> claim;      // 1: a thread is writing the marker
  char module[kMaxModuleBytes];
  char report_id[40];
};
static_assert(sizeof(CrashMarker) == 160);

enum class MarkerState : uint32_t { kNone = 0, kCrashed = 1, kReturned = 2 };

// What this session lost: indexes of LifePage::losses. Numbers are those of whydrop.v1.Losses.
enum class Loss : uint32_t {
  kEventsDropped = 1,
  kEventsOverwritten = 2,
  kConnectionsRefused = 3,
  kLabelsInvalid = 4,
  kTagsDropped = 5,
  kEvidenceCut = 8,
  kBatchesDropped = 9,
  kBytesDropped = 10,
  kBatchesGivenUp = 11,
  kBatchesRejected = 12,
  kRingsCorrupt = 13,
};
inline constexpr size_t kLossCount = 16;

struct LifePage {
  // How the session ends. 0 while it runs.
  std::atomic<uint32_t> clean_mark;          // 1: whydrop_stop came
  std::atomic<uint32_t> exit_reason;         // WHYDROP_EXIT_*, 0: no note
  std::atomic<uint32_t> shutdown_announced;  // 1: the system announced log-off or shutdown
  std::atomic<uint32_t> handlers;            // 1: crash handlers installed, 2: and displaced at some time
  std::atomic<uint64_t> ended_ms;            // with clean_mark or exit_reason

  // Signs of life.
  std::atomic<uint64_t> heartbeat_ms;       // game: last heartbeat, 0: it never called
  std::atomic<uint64_t> tick_ms;            // worker: its last tick, about every 250 ms
  std::atomic<uint64_t> tick_boot_ms;       // worker: boot time in ms at that tick, suspends included
  std::atomic<uint64_t> tick_unix_ms;       // worker: wall clock at that tick
  std::atomic<uint64_t> oom_kills;          // worker: the system's count at that tick, plus 1; 0: unknown
  std::atomic<uint64_t> suspend_end_ms;     // worker: end of the last suspend
  std::atomic<uint64_t> suspend_length_ms;  // worker: its length

  // Counts.
  std::atomic<uint64_t> recorded;  // worker: RingWriter::Recorded() at its last tick
  std::atomic<uint64_t> connections_opened;
  std::atomic<uint64_t> losses[kLossCount];  // by Loss

  // Rings. The tails are hints that no reader trusts; indexes that were taken and then found no room are given up.
  std::atomic<uint64_t> key_tail;
  std::atomic<uint64_t> flow_tail;
  std::atomic<uint64_t> key_given_up;
  std::atomic<uint64_t> flow_given_up;

  // Sealing (server role): key records below `sealed_index` are in batches of rotations below `rotation`. An intent
  // with seal_to > sealed_index says that rotation `seal_rotation` is, or was about to be, frozen from exactly
  // [sealed_index, seal_to). Storing sealed_index = seal_to is the one step that finishes it; `rotation` follows for
  // threads of this process and is not read from a dead ring.
  std::atomic<uint64_t> sealed_index;
  std::atomic<uint64_t> seal_to;
  std::atomic<uint64_t> seal_reference_ms;
  std::atomic<uint64_t> rotation;
  std::atomic<uint64_t> seal_rotation;

  CrashMarker crash;

  // What the finished rotations have told beside the key records: ended connections in the flow ring below an index,
  // and for each entry of the close totals how many of its connections, one by one or as a count. Generation n % 2
  // belongs to the session in which n rotations are finished, so that the store which finishes a rotation also switches
  // to its numbers.
  std::atomic<uint64_t> flow_told[2];
  std::atomic<uint32_t> settled[2][kMaxTotals];
};
static_assert(offsetof(LifePage, losses) == 96 && offsetof(LifePage, crash) == 296);
static_assert(offsetof(LifePage, flow_told) == 456 && offsetof(LifePage, settled) == 472 &&
              sizeof(LifePage) <= kLifeBytes);

// Offsets of one ring file, derived from its size and its number of connections alone.
struct RingLayout {
  size_t total_bytes = 0;
  uint32_t max_connections = 0;
  uint32_t key_slots = 0;   // about a third of what is left after the connections
  uint32_t flow_slots = 0;  // the rest
  size_t life = 0, tags = 0, connections = 0, totals = 0, key = 0, flow = 0;
};

// False: the bytes cannot hold that many connections and at least 64 slots of each ring.
bool PlanRing(size_t total_bytes, uint32_t max_connections, RingLayout* out);

}  // namespace whydrop

#endif
