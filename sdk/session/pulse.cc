// What the worker does every 250 ms: signs of life, and what can be seen only by looking regularly.
#include "platform/clock.h"
#include "platform/crash_hooks.h"
#include "platform/process.h"
#include "session/session.h"
#include "session/standstill.h"
#include "session/worker.h"

namespace whydrop {
namespace {

// In pulses.
constexpr uint64_t kEverySecond = 4;
constexpr uint64_t kSampleEvery = 8;
constexpr uint64_t kModulesEvery = 20;
constexpr uint64_t kSyncEvery = 120;

constexpr uint64_t kStallMs = 5000;  // what the next launch calls a hang
constexpr int64_t kClockStepMs = 1000;

constexpr uint32_t kMaxLinks = 32;

// What the system may write into the rings: an interface that flaps for days, or a process that is stopped again and
// again, must not push out what happened to the connections.
constexpr uint64_t kNetworkEvery = 240;  // pulses, about a minute
constexpr uint32_t kKeptSuspends = 64;   // of a session in the key ring; later ones go to the flow ring

void OnSessionEnd(platform::SessionEndNotice notice) {
  Session* session = Session::Current();
  if (session == nullptr) return;
  const bool announced = notice == platform::SessionEndNotice::kAnnounced;
  session->writer().life()->shutdown_announced.store(announced ? 1 : 0, std::memory_order_release);
  session->PersistLife();
}

}  // namespace

// On the thread that starts: the first failure may be reported before the worker runs.
void Worker::StartPulse() {
  pulse_ms_ = session_->writer().NowMs();
  pulse_boot_ms_ = platform::BootTimeMs();
  pulse_unix_ms_ = platform::WallUnixMs();
  LifePage* life = session_->writer().life();
  life->tick_boot_ms.store(pulse_boot_ms_, std::memory_order_relaxed);
  life->tick_unix_ms.store(static_cast<uint64_t>(pulse_unix_ms_), std::memory_order_relaxed);
  life->tick_ms.store(pulse_ms_, std::memory_order_release);
  session_->SetTick(pulse_ms_);
}

void Worker::Pulse() {
  // What ran since the last pulse may have waited for the network.
  was_busy_ = busy_.load(std::memory_order_relaxed);
  RingWriter& writer = session_->writer();
  LifePage* life = writer.life();
  const uint64_t now_ms = writer.NowMs();
  const uint64_t boot_ms = platform::BootTimeMs();
  const int64_t unix_ms = platform::WallUnixMs();
  session_->SetTick(now_ms);
  SeeSuspend(now_ms, boot_ms);
  SeeStall();
  SeeClockStep(boot_ms, unix_ms);
  life->tick_boot_ms.store(boot_ms, std::memory_order_relaxed);
  life->tick_unix_ms.store(static_cast<uint64_t>(unix_ms), std::memory_order_relaxed);
  life->tick_ms.store(now_ms, std::memory_order_release);
  busy_.store(false, std::memory_order_release);  // after the tick: until here it was old because of the work
  pulse_ms_ = now_ms;
  pulse_boot_ms_ = boot_ms;
  pulse_unix_ms_ = unix_ms;
  if (life->crash.state.load(std::memory_order_acquire) == static_cast<uint32_t>(MarkerState::kCrashed)) {
    life->crash.alive_ms.store(now_ms, std::memory_order_relaxed);
  }
  SeeNetwork();
  if (pulses_ % kEverySecond == 0) {
    platform::WatchSessionEnd(OnSessionEnd);
    SeeHandlers();
    CountRefused();
    StarvedMs();  // what comes from here on counts
  }
  if (pulses_ % kSampleEvery == 0) SampleSystem();
  writer.WriteThrough();
  if (pulses_ % kSyncEvery == kSyncEvery - 1) {
    busy_.store(true, std::memory_order_release);  // a disk may take its time
    session_->storage().Sync();
  }
  ++pulses_;
}

void Worker::PulseWhileWaiting(void* self) {
  auto* worker = static_cast<Worker*>(self);
  if (worker->session_->writer().NowMs() < worker->pulse_ms_ + kPulseMs) return;
  worker->Pulse();
  worker->busy_.store(true, std::memory_order_release);  // the upload goes on
}

void Worker::SeeSuspend(uint64_t now_ms, uint64_t boot_ms) {
  PulseGap gap;
  gap.monotonic_ms = now_ms - pulse_ms_;
  gap.boot_ms = boot_ms > pulse_boot_ms_ ? boot_ms - pulse_boot_ms_ : 0;
  gap.was_busy = was_busy_;
  if (StandstillOf(gap).length_ms != 0) gap.starved_ms = StarvedMs();
  const Standstill standstill = StandstillOf(gap);
  if (standstill.length_ms == 0) return;
  LifePage* life = session_->writer().life();
  life->suspend_length_ms.store(standstill.length_ms, std::memory_order_relaxed);
  life->suspend_end_ms.store(now_ms, std::memory_order_release);
  suspended_since_heartbeat_ms_ += standstill.length_ms;
  const auto length = static_cast<int64_t>(standstill.length_ms);
  const auto slept = static_cast<int64_t>(standstill.slept_ms);
  if (++suspends_ <= kKeptSuspends) {
    session_->writer().RecordKey(EventType::kSuspended, 0, length, slept);
  } else {
    session_->writer().RecordFlow(EventType::kSuspended, 0, length, slept);
  }
}

// How long this thread could run and had no processor, since the last look, which is at most a second older than the last
// pulse.
uint64_t Worker::StarvedMs() {
  const uint64_t before_ms = waited_ms_;
  if (!platform::WaitedForProcessorMs(&waited_ms_)) return 0;
  return waited_ms_ - before_ms;
}

void Worker::SeeStall() {
  const uint64_t heartbeat_ms = session_->writer().life()->heartbeat_ms.load(std::memory_order_relaxed);
  if (heartbeat_ms == seen_heartbeat_ms_) return;
  const uint64_t gap_ms = heartbeat_ms > seen_heartbeat_ms_ ? heartbeat_ms - seen_heartbeat_ms_ : 0;
  // While everything stood still the main loop was not to blame.
  if (seen_heartbeat_ms_ != 0 && gap_ms >= kStallMs + suspended_since_heartbeat_ms_) {
    session_->writer().RecordFlow(EventType::kStalled, 0, static_cast<int64_t>(gap_ms), 0);
  }
  seen_heartbeat_ms_ = heartbeat_ms;
  suspended_since_heartbeat_ms_ = 0;
}

void Worker::SeeClockStep(uint64_t boot_ms, int64_t unix_ms) {
  const int64_t step_ms = (unix_ms - pulse_unix_ms_) - static_cast<int64_t>(boot_ms - pulse_boot_ms_);
  if (step_ms < kClockStepMs && step_ms > -kClockStepMs) return;
  session_->writer().RecordFlow(EventType::kClockStepped, 0, step_ms, 0);
}

void Worker::SeeHandlers() {
  LifePage* life = session_->writer().life();
  if (life->handlers.load(std::memory_order_relaxed) == 0) return;
  if (!displaced_) {
    const int32_t signal = platform::DisplacedCrashHook();
    if (signal != 0) {
      displaced_ = true;
      life->handlers.store(2, std::memory_order_relaxed);
      session_->writer().RecordKey(EventType::kHandlerDisplaced, 0, signal, 0);
    }
  }
  const uint32_t recovered = life->crash.recovered.load(std::memory_order_relaxed);
  if (recovered != seen_recovered_) {
    seen_recovered_ = recovered;
    session_->writer().RecordFlow(EventType::kFaultRecovered, 0, life->crash.code.load(std::memory_order_relaxed), 0);
  }
  if (pulses_ % kModulesEvery == 0) platform::RefreshModules();
}

void Worker::SampleSystem() {
  uint64_t kills = 0;
  if (platform::OutOfMemoryKills(&kills)) {
    session_->writer().life()->oom_kills.store(kills + 1, std::memory_order_relaxed);
  }
  uint64_t drops = 0;
  if (!platform::NoRouteDrops(&drops)) return;
  no_route_rise_.store(no_route_known_ && drops > no_route_drops_ ? drops - no_route_drops_ : 0,
                       std::memory_order_relaxed);
  no_route_drops_ = drops;
  no_route_known_ = true;
}

void Worker::CountRefused() {
  uint64_t count = 0;
  if (!platform::RefusedRetransmits(&count)) return;
  refused_retransmits_.store(count + 1, std::memory_order_relaxed);
  if (first_refused_.load(std::memory_order_relaxed) == 0) first_refused_.store(count + 1, std::memory_order_relaxed);
}

// --- devices

void Worker::SeeNetwork() {
  if (!watch_.has_value()) return;
  if (pulses_ % kNetworkEvery == 0) network_left_ = kNetworkEvents;
  const bool complete = watch_->Take(
      [](const platform::NetworkEvent& event, void* self) { static_cast<Worker*>(self)->SeeDevice(event); }, this);
  // A device below the socket's own (of a bridge, of a tunnel) has another number, so a change of any makes us look.
  if (!complete || links_changed_) {
    busy_.store(true, std::memory_order_release);  // the answer may take its time: under Wine another process gives it
    RecheckLinks();
  }
  links_changed_ = false;
}

void Worker::SeeDevice(const platform::NetworkEvent& event) {
  RingWriter& writer = session_->writer();
  const auto type = static_cast<EventType>(event.type);
  const bool down = type == EventType::kLinkDown;
  const bool is_link = down || type == EventType::kLinkUp;
  // The system tells a device's state again whenever anything about it changes.
  const bool repeat = is_link && links_.IsRepeat(event.interface_index, down);
  if (network_left_ != 0) --network_left_;
  if (!repeat && network_left_ != 0) {
    writer.RecordFlow(type, 0, links_.NumberOf(event.interface_index), 0);
  } else if (!repeat) {
    writer.CountLoss(Loss::kEventsDropped);
  }
  links_changed_ = links_changed_ || is_link;
  if (down) links_.NoteDown(event.interface_index, writer.NowMs());
}

void Worker::RecheckLinks() {
  struct {
    uint32_t index;
    bool up;
  } seen[kMaxLinks];
  uint32_t count = 0;
  const uint64_t now_ms = session_->writer().NowMs();
  session_->connections().ForEachOpen([&](LiveConnection* live) {
    const uint32_t index = live->link_index.load(std::memory_order_relaxed);
    if (index == 0) return;
    uint32_t i = 0;
    while (i < count && seen[i].index != index) ++i;
    if (i == count) {
      if (count == kMaxLinks) return;
      seen[count++] = {index, platform::NetworkWatch::IsLinkUp(index)};
      if (!seen[i].up) links_.NoteDown(index, now_ms);
    }
    if (seen[i].up) {
      live->link_down_ms.store(0, std::memory_order_relaxed);
    } else if (live->link_down_ms.load(std::memory_order_relaxed) == 0) {
      live->link_down_ms.store(now_ms, std::memory_order_relaxed);
    }
  });
}

}  // namespace whydrop
