// The process-local side of the connection table: which handle lies in which slot, and which socket it watches. The
// part that must survive the process is in the ring; addresses and descriptors are here because they must never get
// there.
//
// A handle is 16 bits of session epoch, the low 24 bits of the connection's number, 24 bits of slot + 1. It is compared
// as a whole with the handle that the slot holds, so one load tells a stale one.
//
// Thread rule: lock-free, any thread. The memory is touched slot by slot and never given back.
#ifndef WHYDROP_SESSION_CONNECTION_TABLE_H
#define WHYDROP_SESSION_CONNECTION_TABLE_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/socket_probe.h"
#include "ring/ring_writer.h"
#include "whydrop/whydrop.h"

namespace whydrop {

// What the sends of a living connection look like beyond their sum. Not in the ring: only the living can say that
// nobody answers them. Relaxed; senders that race lose each other's mark, no more.
struct SendPattern {
  std::atomic<uint64_t> since_ms;            // begin of the sends that followed each other without a pause, 0: none
  std::atomic<uint32_t> largest_since_recv;  // bytes
};

class ConnectionTable {
 public:
  // What a valid handle stands for.
  struct Entry {
    ConnectionRef ref;
    LiveConnection* live = nullptr;
    const SendPattern* sends = nullptr;
    uint64_t refused_before = 0;  // Worker::refused_retransmits when it was opened
    uint32_t number = 0;
    uint8_t protocol = 0;  // WHYDROP_TCP, WHYDROP_UDP
  };

  // False: no memory. Once, before any other call.
  bool Allocate(uint32_t slots);

  // Makes a handle for a connection that the ring has just opened.
  whydrop_conn Publish(uint16_t epoch, ConnectionRef ref, uint32_t number, uint8_t protocol, LiveConnection* live,
                       uint64_t refused_before);

  // The ring's counters of an open connection, nullptr for a stale handle. With `sends` what else a send counts.
  LiveConnection* Live(whydrop_conn conn, SendPattern** sends = nullptr) {
    Slot* slot = SlotOf(conn);
    if (slot == nullptr || slot->handle.load(std::memory_order_acquire) != conn) return nullptr;
    if (sends != nullptr) *sends = &slot->sends;
    return slot->live.load(std::memory_order_relaxed);
  }
  bool Find(whydrop_conn conn, Entry* out) const;
  // Makes the handle stale. Exactly one of racing callers gets true and may end the record.
  bool Claim(whydrop_conn conn);

  // The number in a handle of this epoch, also of an ended connection, of which `newest` is the last so far; 0 for a
  // foreign one. The upper bits that the handle lacks make it the youngest connection that it can be.
  static uint32_t NumberIn(uint16_t epoch, whydrop_conn conn, uint64_t newest) {
    constexpr uint64_t kLowBits = 0xFFFFFF;
    if ((conn >> 48) != epoch) return 0;
    const uint64_t age = (newest - (conn >> 24)) & kLowBits;
    return age < newest ? static_cast<uint32_t>(newest - age) : 0;
  }

  // The socket of an open connection. A writer that finds another one at work gives up: the connection is then recorded
  // without the socket's evidence.
  void SetSocket(ConnectionRef ref, const platform::SocketIdentity& identity);
  bool GetSocket(ConnectionRef ref, platform::SocketIdentity* out) const;
  void ClearSocket(ConnectionRef ref);

  // Calls visit(live) for every connection that is open.
  template <typename Visit>
  void ForEachOpen(Visit visit) const {
    const uint32_t limit = used_.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < limit; ++i) {
      if (slots_[i].handle.load(std::memory_order_acquire) != 0) visit(slots_[i].live.load(std::memory_order_relaxed));
    }
  }

 private:
  static constexpr size_t kSocketWords = (sizeof(platform::SocketIdentity) + 7) / 8;

  // Lives in zeroed memory that no constructor ran on: zero is its empty state.
  struct Slot {
    std::atomic<uint64_t> handle;  // 0: free
    std::atomic<LiveConnection*> live;
    std::atomic<uint64_t> generation;
    std::atomic<uint64_t> facts;  // number << 8 | protocol
    SendPattern sends;
    std::atomic<uint64_t> refused_before;
    // generation << 1 of the socket below, with the low bit set while it is written; 0: none. The words are atomics so
    // that a reader who comes too late reads garbage that it throws away, not a data race.
    std::atomic<uint64_t> socket_owner;
    std::atomic<uint64_t> socket[kSocketWords];
  };

  Slot* SlotOf(whydrop_conn conn) const {
    const uint64_t index = (conn & 0xFFFFFFu) - 1;  // 0 wraps to a number that no table has
    return index < count_ ? &slots_[index] : nullptr;
  }

  Slot* slots_ = nullptr;
  uint32_t count_ = 0;
  std::atomic<uint32_t> used_{0};  // slots at and above were never used
};

}  // namespace whydrop

#endif
