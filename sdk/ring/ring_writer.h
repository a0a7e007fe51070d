// Writes the ring of the running session. Every call is lock-free, bounded, allocates nothing and makes no system call
// (except in storage mode kFile, where a record is written through): a slow or dead thread costs its own slot only.
//
// Life: Format once, then any thread records; the memory outlives every writer (see RingStorage).
//
// Thread rule: any thread unless a function says otherwise.
#ifndef WHYDROP_RING_RING_WRITER_H
#define WHYDROP_RING_RING_WRITER_H

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/cause.h"
#include "core/evidence.h"
#include "core/labels.h"
#include "platform/ring_storage.h"
#include "ring/changed_slots.h"
#include "ring/ring_layout.h"

namespace whydrop {

// The immutable header.
struct RingIdentity {
  std::array<uint8_t, 16> session_id{};
  std::array<uint8_t, 16> boot_id{};
  std::array<uint8_t, 16> machine_hash{};  // of machine id and app id
  uint64_t pid = 0;
  uint64_t process_start = 0;
  uint64_t pid_namespace = 0;
  uint64_t nonce = 0;  // random, in every checksum
  int64_t started_unix_ms = 0;
  uint64_t started_monotonic_ms = 0;  // CoarseMonotonicMs() at the start
  uint64_t started_boot_ms = 0;       // BootTimeMs() at the start
  int32_t role = 0;
  int32_t system = 0;  // platform::SystemKind
  uint32_t rotate_interval_ms = 0;
  char app_id[kMaxAppIdBytes + 1] = {};
  char app_version[kMaxVersionBytes + 1] = {};
};

// Static facts of one connection.
struct ConnectionIdentity {
  uint32_t number = 0;    // counts connections of the session from 1
  uint32_t previous = 0;  // number of the connection this is a reconnect of
  uint8_t protocol = 0;   // WHYDROP_TCP, WHYDROP_UDP
  bool has_token = false;
  std::array<uint8_t, kTokenHashBytes> token_hash{};
  char endpoint[kMaxLabelBytes + 1] = {};
  char network[kMaxLabelBytes + 1] = {};
};

// A slot of the connection table as one opening sees it; slot numbers and generations are reused, the pair is not.
struct ConnectionRef {
  uint32_t slot = 0;
  uint64_t generation = 0;  // 1 or more; 0: none
  bool valid() const { return generation != 0; }
};

class RingWriter {
 public:
  // Lays out an empty ring in `storage`, which must be layout.total_bytes of zeros and outlive the writer. One thread.
  void Format(platform::RingStorage* storage, const RingLayout& layout, const RingIdentity& identity);

  const RingIdentity& identity() const { return identity_; }
  const RingLayout& layout() const { return layout_; }
  const uint8_t* bytes() const { return storage_->data(); }
  LifePage* life() const { return life_; }

  // Session time now: at least 1.
  uint64_t NowMs() const;

  // --- events. False: no room (counted as Loss::kEventsDropped).
  bool RecordKey(EventType type, uint32_t connection, int64_t a, int64_t b);   // kept: fill and stop
  bool RecordFlow(EventType type, uint32_t connection, int64_t a, int64_t b);  // overwrites the oldest (counted)

  // --- connections
  // An invalid ref, counted as kConnectionsRefused, when the table is full. identity.number is assigned here.
  ConnectionRef OpenConnection(const ConnectionIdentity& identity);
  // nullptr when the ref is stale. The pointer stays readable for ever; after the connection's end it may belong to
  // another one, so write to it only right after the check.
  LiveConnection* Live(ConnectionRef ref) const;
  uint32_t NumberOf(ConnectionRef ref) const;  // 0 when stale
  bool SetToken(ConnectionRef ref, bool has_token, const std::array<uint8_t, kTokenHashBytes>& hash);
  // Keeps the evidence of the first failure (or the peer's close). False: there was one already, or the ref is stale.
  bool KeepFailure(ConnectionRef ref, const Evidence& evidence);
  // The evidence kept, false if none.
  bool ReadFailure(ConnectionRef ref, Evidence* out) const;
  // Ends the record: writes identity, verdict and evidence to the key ring, adds to the close totals, frees the slot.
  // Repeats of the same endpoint and cause in a row that never stood, or have no token, go to the totals only (after
  // the first four). False when the ref is stale: exactly one of racing callers gets true.
  bool EndConnection(ConnectionRef ref, const Evidence& evidence, Cause cause, Confidence confidence);

  // Connections that are open now.
  uint32_t OpenConnections() const { return open_connections_.load(std::memory_order_relaxed); }
  // Slots in which a connection opened, got its token or failed since they were last taken.
  ChangedSlots& changed_slots() { return changed_; }

  // --- tags. False: no room or invalid (counted as kTagsDropped). `value` nullptr deletes.
  bool SetTag(const char* key, size_t key_size, const char* value, size_t value_size);

  // Events written so far.
  uint64_t Recorded() const;

  void CountLoss(Loss loss, uint64_t count = 1);
  uint64_t LossCount(Loss loss) const;

  // --- sealing (server role, worker thread). BeginSeal fixes the key records [sealed, to) of the next rotation and
  // writes the intent; FinishSeal, after their batches are durable, gives the slots back and is itself durable on
  // return. BeginSeal again after a failure returns the same range. False: nothing to seal.
  bool BeginSeal(uint64_t* from, uint64_t* to, uint32_t* rotation);
  struct Told {
    uint64_t flow_index = 0;            // RingLife::flow_told once this rotation is told
    uint32_t settled[kMaxTotals] = {};  // RingTotal::settled, by entry
  };
  void FinishSeal(const Told& told);
  // Half of the key ring waits to be sealed: soon its records would go where they can be overwritten.
  bool NeedsSeal() const;

  // In storage mode kFile: writes what changed without a record since the last call (life page, live connections).
  // Worker, each tick.
  void WriteThrough();

 private:
  struct Parts;  // see ring_writer_parts.h
  platform::RingStorage* storage_ = nullptr;
  RingLayout layout_;
  RingIdentity identity_;
  LifePage* life_ = nullptr;
  uint32_t crc_seed_ = 0;                 // checksum state after the nonce
  bool write_through_ = false;            // storage mode kFile
  std::unique_ptr<uint64_t[]> written_;   // worker, in that mode: of each connection slot the sum last written
  std::atomic<uint64_t> free_slots_{0};   // head of the freed connection slots: change count << 32 | slot + 1
  std::atomic<uint32_t> fresh_slots_{0};  // connection slots below were used before
  std::atomic<uint32_t> open_connections_{0};
  ChangedSlots changed_;
  std::atomic<uint64_t> repeat_{0};  // hash of the last endpoint and cause << 32 | how often in a row
  std::atomic<uint32_t> tags_busy_{0};
  uint64_t stuck_index_ = 0;     // worker: the busy key slot that sealing waits for, plus 1
  uint64_t stuck_since_ms_ = 0;  // worker
};

}  // namespace whydrop

#endif
