// The one background thread of a session: the pulse (tick, suspends, stalls, devices), then the uploads. It costs a few
// system calls every 250 ms while nothing happens.
//
// Uploads run on the same thread, so the pulse stands still while one waits for the network; `busy` says so, and nobody
// takes the gap for a suspend.
//
// Thread rule: Start and Join on the thread that starts and stops; Flush, Erase, GetLastSession, counters, busy and
// links from any thread; what is private runs on the worker.
#ifndef WHYDROP_SESSION_WORKER_H
#define WHYDROP_SESSION_WORKER_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "platform/network_watch.h"
#include "platform/worker.h"
#include "session/link_table.h"
#include "upload/uploader.h"
#include "whydrop/whydrop.h"

namespace whydrop {

class Session;

// How often the worker gives a sign of life and looks around.
inline constexpr uint32_t kPulseMs = 250;

class Worker {
 public:
  Status Start(Session* session);
  // Tells the worker to leave and waits up to `timeout_ms`. True: it is gone.
  bool Stop(uint32_t timeout_ms);
  bool Join(uint32_t timeout_ms) { return thread_.Join(timeout_ms); }

  whydrop_result Flush(uint32_t timeout_ms);
  // Changes the consent; denied: erases everything on the disk before it returns, if the worker gets to it in time.
  whydrop_result SetConsent(int32_t consent);
  // NOT_READY, NOT_FOUND or OK.
  whydrop_result GetLastSession(LastSession* out);
  const UploadCounters* counters() const;  // nullptr: there is no uploader
  bool busy() const { return busy_.load(std::memory_order_acquire); }
  // Signs of life go on while an upload waits for the network.
  static void PulseWhileWaiting(void* self);
  const LinkTable& links() const { return links_; }
  uint64_t no_route_rise() const { return no_route_rise_.load(std::memory_order_relaxed); }
  // The host's count as of the last second, plus 1; 0: not known.
  uint64_t refused_retransmits() const { return refused_retransmits_.load(std::memory_order_relaxed); }
  uint64_t first_refused_retransmits() const { return first_refused_.load(std::memory_order_relaxed); }
  bool watching() const { return watching_.load(std::memory_order_relaxed); }

 private:
  enum Request : uint32_t { kFlush = 0, kErase = 1, kRequests = 2 };
  whydrop_result Ask(Request request, uint32_t timeout_ms);
  void Answer(Request request, uint64_t ticket, whydrop_result result);
  uint64_t Asked(Request request);  // the newest ticket that is not answered, 0: none

  // worker.cc
  static void Body(void* self);
  void Run();
  void Prepare();
  void Serve();
  bool Harvest();  // false: not all is in the outbox yet
  bool HarvestAll();
  void UploadWhenDue();
  void PlanNextSend(SendResult result);
  whydrop_result DoFlush();
  void DoErase();
  bool MaySend() const;
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }

  // pulse.cc
  void StartPulse();
  void Pulse();
  void SeeSuspend(uint64_t now_ms, uint64_t boot_ms);
  uint64_t StarvedMs();
  void SeeStall();
  void SeeClockStep(uint64_t boot_ms, int64_t unix_ms);
  void SeeHandlers();
  void SampleSystem();
  void CountRefused();
  void SeeNetwork();
  void SeeDevice(const platform::NetworkEvent& event);
  void RecheckLinks();

  Session* session_ = nullptr;
  platform::WorkerThread thread_;
  std::optional<platform::NetworkWatch> watch_;  // worker only; ends with it
  LinkTable links_;
  std::atomic<Uploader*> uploader_{nullptr};  // lives as long as the session object
  std::atomic<bool> stopping_{false};
  std::atomic<bool> interrupt_{false};  // ends a transfer: stop, or consent denied
  std::atomic<bool> busy_{false};
  std::atomic<bool> watching_{false};
  std::atomic<int32_t> consent_{WHYDROP_CONSENT_UNKNOWN};
  std::atomic<uint64_t> no_route_rise_{0};
  std::atomic<uint64_t> refused_retransmits_{0}, first_refused_{0};

  std::mutex mutex_;  // of what follows; never held during I/O or a call into the game
  std::condition_variable answered_;
  std::optional<platform::Waiter> waiter_;  // waited on without the mutex; ends with the worker
  uint64_t asked_[kRequests] = {};
  uint64_t done_[kRequests] = {};
  whydrop_result results_[kRequests] = {};
  bool gone_ = false;
  bool looked_ = false;
  bool last_session_known_ = false;
  LastSession last_session_;

  // Worker only.
  static constexpr uint32_t kNetworkEvents = 120;  // a minute
  uint64_t pulses_ = 0;
  uint32_t network_left_ = kNetworkEvents;  // 0: nobody waits for the next one, the pulse finds it
  uint32_t suspends_ = 0;
  uint64_t pulse_ms_ = 0, pulse_boot_ms_ = 0;
  int64_t pulse_unix_ms_ = 0;
  uint64_t waited_ms_ = 0;  // for a processor, in all, as of the last look
  uint64_t seen_heartbeat_ms_ = 0, suspended_since_heartbeat_ms_ = 0;
  uint64_t no_route_drops_ = 0;
  bool no_route_known_ = false;
  bool was_busy_ = false;  // since the last pulse
  bool links_changed_ = false;
  bool displaced_ = false;
  bool denied_ = false;
  uint32_t seen_recovered_ = 0;
  uint64_t send_at_ms_ = UINT64_MAX, seal_at_ms_ = UINT64_MAX;
};

}  // namespace whydrop

#endif
