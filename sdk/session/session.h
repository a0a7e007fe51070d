// One running session, and the process's pointer to it.
//
// Life: StartSession makes it and publishes the pointer; StopSession clears the pointer and marks the ring. The object
// itself is never freed, because a thread of the game may be inside a call at any moment: each restart leaks its few
// hundred bytes, its connection table and its ring's memory, all reachable from the newest session.
//
// The pointer lies in a page that a forked child sees as zeros: there every call does nothing until the child starts a
// session of its own.
//
// Thread rule: recording calls from any thread, lock-free, without allocation; the others say so.
#ifndef WHYDROP_SESSION_SESSION_H
#define WHYDROP_SESSION_SESSION_H

#include <array>
#include <atomic>
#include <cstdint>

#include "core/evidence.h"
#include "platform/crash_hooks.h"
#include "platform/ring_storage.h"
#include "ring/crash_marker.h"
#include "ring/ring_writer.h"
#include "session/connection_table.h"
#include "session/worker.h"
#include "upload/uploader.h"
#include "whydrop/whydrop.h"

namespace whydrop {

// A checked configuration: everything is in range and owned.
struct Settings {
  UploadConfig upload;  // directory is empty where the system knows no place for one
  // The collector wants nothing of this version: nothing is written, and the directory is only there to be erased.
  bool switched_off = false;
  RingLayout layout;
  uint32_t upload_delay_ms = WHYDROP_DEFAULT;
  uint32_t rotate_interval_ms = 0;  // 0: never
  uint32_t flags = 0;
  int32_t consent = WHYDROP_CONSENT_GRANTED;
};

class Session {
 public:
  // The running session, nullptr if there is none.
  static Session* Current();
  // Whom a crash is told to: the running one, also while the process exits. Signal-safe.
  static Session* Crashing();

  // --- recording calls; strings are already bounded
  // The number of a connection of this session, also of an ended one; 0 for any other handle.
  uint32_t NumberIn(whydrop_conn conn) const {
    const uint64_t newest = writer_.life()->connections_opened.load(std::memory_order_relaxed);
    return ConnectionTable::NumberIn(epoch_, conn, newest);
  }
  std::array<uint8_t, kTokenHashBytes> HashOf(const char* token, size_t size) const;
  whydrop_conn Open(const ConnectionIdentity& identity);
  void SetToken(whydrop_conn conn, const char* token, size_t size);  // size 0: none
  void Connected(whydrop_conn conn, whydrop_socket socket);
  void Rtt(whydrop_conn conn, uint32_t rtt_us);
  void ExpectClose(whydrop_conn conn, int32_t close_reason);
  whydrop_cause Failed(whydrop_conn conn, int32_t operation, int32_t os_error);
  whydrop_cause PeerClosed(whydrop_conn conn);
  whydrop_cause Close(whydrop_conn conn, int32_t close_reason);

  void Sent(whydrop_conn conn, uint64_t bytes) {
    SendPattern* sends = nullptr;
    LiveConnection* live = connections_.Live(conn, &sends);
    if (live == nullptr) return;
    live->sent_bytes.fetch_add(bytes, std::memory_order_relaxed);
    const uint64_t now_ms = tick_ms_.load(std::memory_order_relaxed);
    const uint64_t last_ms = live->last_sent_ms.load(std::memory_order_relaxed);
    if (last_ms == 0 || now_ms > last_ms + kSendPauseMs) sends->since_ms.store(now_ms, std::memory_order_relaxed);
    live->last_sent_ms.store(now_ms, std::memory_order_relaxed);
    const uint32_t size = bytes < UINT32_MAX ? static_cast<uint32_t>(bytes) : UINT32_MAX;
    Raise(size, &live->largest_send_bytes);
    Raise(size, &sends->largest_since_recv);
  }
  void Received(whydrop_conn conn, uint64_t bytes) {
    SendPattern* sends = nullptr;
    LiveConnection* live = connections_.Live(conn, &sends);
    if (live == nullptr) return;
    sends->largest_since_recv.store(0, std::memory_order_relaxed);
    live->received_bytes.fetch_add(bytes, std::memory_order_relaxed);
    live->last_received_ms.store(tick_ms_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    live->sent_bytes_at_receive.store(live->sent_bytes.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  void Heartbeat() {
    LifePage* life = writer_.life();
    const uint64_t now_ms = writer_.NowMs();
    life->heartbeat_ms.store(now_ms, std::memory_order_relaxed);
    tick_ms_.store(now_ms, std::memory_order_relaxed);
    RevokeIfRecoveredHere();
  }
  // A thread that calls us again has survived the fault it raised: its marker goes.
  void RevokeIfRecoveredHere() {
    if (writer_.life()->crash.state.load(std::memory_order_relaxed) != 0) RevokeMarkerOfThisThread();
  }
  void NoteExit(int32_t exit_reason);
  // Signal-safe. False: this process is a child that shares our memory (vfork), whose crash is not ours.
  bool MarkCrashed(const platform::CrashFacts& facts, const char* report_id, size_t report_id_size);
  void MarkFaultReturned(uint64_t thread_id);

  // --- for the session's own parts and the C interface
  RingWriter& writer() { return writer_; }
  platform::RingStorage& storage() { return storage_; }
  ConnectionTable& connections() { return connections_; }
  Worker& worker() { return worker_; }
  const Settings& settings() const { return settings_; }
  uint16_t epoch() const { return epoch_; }
  void SetTick(uint64_t now_ms) { tick_ms_.store(now_ms, std::memory_order_relaxed); }
  std::atomic<int32_t>& storage_mode() { return storage_mode_; }
  void Stats(whydrop_stats* out);
  // The worker's last act, and stop's. Whoever comes second ends the ring: a stop does not wait long for a worker that is
  // busy, and nobody else would give the file to the next launch while this process lives.
  void LeaveRing();
  // The life page changed in a way that must survive: written at once where the ring is no mapping.
  void PersistLife() { (void)storage_.Written(writer_.layout().life, sizeof(LifePage)); }

 private:
  friend struct Lifecycle;

  // Sends this far apart belong to one run; report.proto names it.
  static constexpr uint64_t kSendPauseMs = 500;
  static void Raise(uint32_t value, std::atomic<uint32_t>* largest) {
    if (value > largest->load(std::memory_order_relaxed)) largest->store(value, std::memory_order_relaxed);
  }

  void RevokeMarkerOfThisThread();
  // Keeps the evidence as the connection's first failure, or takes what was kept before; returns the verdict.
  whydrop_cause KeepFirst(const ConnectionTable::Entry& entry, Evidence& evidence, EventType type, int64_t a,
                          int64_t b);

  // evidence.cc. kSocket: the socket, and its route only if the peer has been silent; kRoute: both; kDefaultRoute:
  // both, or the default route if the connection has no socket yet.
  enum class ProbeDepth { kSocket, kRoute, kDefaultRoute };
  Evidence Observe(const ConnectionTable::Entry& entry, ProbeDepth depth);
  void AddTotals(const LiveConnection& live, Evidence* evidence);
  void AddSends(const ConnectionTable::Entry& entry, uint64_t now_ms, Evidence* evidence);
  void AddTimes(const LiveConnection& live, uint64_t now_ms, Evidence* evidence);
  void AddSuspend(const LiveConnection& live, uint64_t now_ms, Evidence* evidence);
  void AddLink(const LiveConnection& live, Evidence* evidence);

  Settings settings_;
  platform::RingStorage storage_;
  RingWriter writer_;
  ConnectionTable connections_;
  Worker worker_;
  uint64_t pid_ = 0;
  uint16_t epoch_ = 0;
  bool wine_ = false;
  bool hooks_installed_ = false;
  std::atomic<bool> one_has_left_{false};
  std::atomic<int32_t> storage_mode_{WHYDROP_STORAGE_VOLATILE};
  Session* older_ = nullptr;  // keeps earlier sessions reachable
  // Session time of about now, so that counters need no clock. On a cache line of its own: everybody reads it.
  alignas(64) std::atomic<uint64_t> tick_ms_{1};
};

// --- lifecycle.cc. Not signal-safe.
whydrop_result StartSession(Settings&& settings);
void StopSession();
// Makes exit() stop the session. The newest registration runs first, so it is repeated after a library with exit
// handlers of its own was loaded, which must not go before the worker that uses it.
void RegisterExitHook();

// --- crash.cc
extern const platform::CrashSink kCrashSink;

// Where the pointers lie: zeros in a forked child.
struct ProcessCell {
  std::atomic<Session*> current;
  std::atomic<Session*> crashing;  // outlives `current` while the process exits
  std::atomic<Session*> leaving;   // stopped, its worker not yet gone
  std::atomic<uint32_t> phase;     // Lifecycle::Phase
};
extern std::atomic<ProcessCell*> g_process_cell;  // nullptr before the first start

inline Session* Session::Current() {
  const ProcessCell* cell = g_process_cell.load(std::memory_order_acquire);
  return cell == nullptr ? nullptr : cell->current.load(std::memory_order_acquire);
}

inline Session* Session::Crashing() {
  const ProcessCell* cell = g_process_cell.load(std::memory_order_acquire);
  return cell == nullptr ? nullptr : cell->crashing.load(std::memory_order_acquire);
}

}  // namespace whydrop

#endif
