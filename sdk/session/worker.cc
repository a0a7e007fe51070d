#include "session/worker.h"

#include <chrono>
#include <new>

#include "platform/identity.h"
#include "platform/process.h"
#include "session/guard.h"
#include "session/session.h"

namespace whydrop {
namespace {

// A client's first upload: not while the game still loads, and not all players of a restarted game at once.
constexpr uint32_t kUploadDelayMs = 10 * 1000;
constexpr uint32_t kUploadJitterMs = 110 * 1000;
// Between two rotations that do not wait for their time because the ring fills up.
constexpr uint32_t kSealPauseMs = 250;
// How long a flush looks again for rings that a harvest had to leave, and between two looks.
constexpr uint32_t kHarvestAgainMs = 2000;
constexpr uint32_t kHarvestPauseMs = 50;
// How long set_consent waits for the worker to erase what is on the disk.
constexpr uint32_t kEraseMs = 2000;

}  // namespace

Status Worker::Start(Session* session) {
  session_ = session;
  consent_.store(session->settings().consent, std::memory_order_relaxed);
  StartPulse();
  return thread_.Start("whydrop", Body, this);
}

bool Worker::Stop(uint32_t timeout_ms) {
  stopping_.store(true, std::memory_order_release);
  interrupt_.store(true, std::memory_order_release);
  // The thread is gone, and may have taken the mutex with it.
  if (platform::OtherThreadsWereEnded()) return true;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiter_.has_value()) waiter_->Wake();
  }
  return thread_.Join(timeout_ms);
}

// --- requests

whydrop_result Worker::Ask(Request request, uint32_t timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t ticket = ++asked_[request];
  if (waiter_.has_value()) waiter_->Wake();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (done_[request] < ticket && !gone_) {
    if (answered_.wait_until(lock, deadline) == std::cv_status::timeout) break;
  }
  return done_[request] >= ticket ? results_[request] : WHYDROP_ERROR_TIMEOUT;
}

uint64_t Worker::Asked(Request request) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return asked_[request] > done_[request] ? asked_[request] : 0;
}

void Worker::Answer(Request request, uint64_t ticket, whydrop_result result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  done_[request] = ticket;
  results_[request] = result;
  answered_.notify_all();
}

whydrop_result Worker::Flush(uint32_t timeout_ms) { return Ask(kFlush, timeout_ms); }

whydrop_result Worker::SetConsent(int32_t consent) {
  consent_.store(consent, std::memory_order_release);
  if (consent != WHYDROP_CONSENT_DENIED) return WHYDROP_OK;
  interrupt_.store(true, std::memory_order_release);
  return Ask(kErase, kEraseMs);
}

whydrop_result Worker::GetLastSession(LastSession* out) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!looked_) return WHYDROP_ERROR_NOT_READY;
  if (!last_session_known_) return WHYDROP_ERROR_NOT_FOUND;
  *out = last_session_;
  return WHYDROP_OK;
}

const UploadCounters* Worker::counters() const {
  const Uploader* uploader = uploader_.load(std::memory_order_acquire);
  return uploader == nullptr ? nullptr : &uploader->counters();
}

// --- the thread

void Worker::Body(void* self) {
  auto* worker = static_cast<Worker*>(self);
  // One failed allocation ends uploads and pulse, never the game; recording goes on without them.
  WHYDROP_GUARD_BEGIN
  worker->Run();
  WHYDROP_GUARD_END(worker->session_->settings().upload.log.Write(LogLevel::kError, "the worker ran out of memory"))
  worker->busy_.store(true, std::memory_order_release);  // its tick is no sign of life any more
  {
    const std::lock_guard<std::mutex> lock(worker->mutex_);
    worker->gone_ = true;
    // The session object stays for ever, its descriptors must not.
    worker->watch_.reset();
    worker->waiter_.reset();
    worker->answered_.notify_all();
  }
  worker->session_->LeaveRing();
}

void Worker::Run() {
  Prepare();
  while (!stopping()) {
    Pulse();
    Serve();
    UploadWhenDue();
    // A stop of the whole process during the wait must not pass for work that took long. A pulse may be such work itself.
    for (int i = 0; i < 2 && busy(); ++i) Pulse();
    if (!stopping()) waiter_->Wait(kPulseMs, network_left_ != 0 && watch_.has_value() ? watch_->wait_handle() : -1);
  }
  // Asked for while a transfer took its time, and then the game stopped: what was promised is kept.
  if (Asked(kErase) != 0) Serve();
}

void Worker::Prepare() {
  const Settings& settings = session_->settings();
  Status opened;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Who asked before finds no waiter, and is served before the first wait. Without one, requests wait for the pulse.
    opened = waiter_.emplace().Open();
    waiter_->Wake();  // for them: the pulse that follows their work comes at once
  }
  if (!opened.ok()) settings.upload.log.Write(LogLevel::kWarning, "the worker cannot be woken at once");
  session_->storage().Prefault();
  if ((settings.flags & WHYDROP_FLAG_NO_NETWORK_WATCH) == 0) {
    const Status status = watch_.emplace().Open();
    if (!status.ok()) {
      watch_.reset();
      settings.upload.log.Write(LogLevel::kWarning, "the network cannot be watched (error %d)",
                                static_cast<int>(status.native));
    }
    watching_.store(status.ok(), std::memory_order_relaxed);
  }
  if (settings.consent == WHYDROP_CONSENT_DENIED) {
    DoErase();
  } else if (!settings.upload.directory.empty() && !settings.switched_off) {
    uploader_.store(new Uploader(settings.upload, &session_->writer()), std::memory_order_release);
  }
  uint32_t delay_ms = settings.upload_delay_ms;
  if (delay_ms == WHYDROP_DEFAULT) {
    uint32_t random = 0;
    (void)platform::RandomBytes(&random, sizeof random);  // without randomness everybody waits the least
    delay_ms = kUploadDelayMs + random % kUploadJitterMs;
  }
  const uint64_t now_ms = session_->writer().NowMs();
  send_at_ms_ = now_ms + delay_ms;
  if (settings.rotate_interval_ms != 0) seal_at_ms_ = now_ms + settings.rotate_interval_ms;
  Harvest();
}

bool Worker::MaySend() const {
  return consent_.load(std::memory_order_acquire) == WHYDROP_CONSENT_GRANTED &&
         !session_->settings().upload.url.empty() && uploader_.load(std::memory_order_relaxed) != nullptr;
}

bool Worker::Harvest() {
  Uploader* uploader = uploader_.load(std::memory_order_relaxed);
  LastSession last;
  bool known = false;
  bool whole = true;
  if (uploader != nullptr && !denied_) {
    busy_.store(true, std::memory_order_release);
    whole = uploader->Harvest();
    known = uploader->GetLastSession(&last);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  looked_ = true;
  if (known) {
    last_session_ = last;
    last_session_known_ = true;
  }
  return whole;
}

// For a flush, which also answers for what another instance of the game is just harvesting, which takes milliseconds,
// and for what was too much for one harvest.
bool Worker::HarvestAll() {
  bool whole = Harvest();
  for (uint32_t waited_ms = 0; !whole && waited_ms < kHarvestAgainMs && !stopping(); waited_ms += kHarvestPauseMs) {
    Pulse();
    waiter_->Wait(kHarvestPauseMs, -1);
    whole = Harvest();
  }
  return whole;
}

void Worker::UploadWhenDue() {
  Uploader* uploader = uploader_.load(std::memory_order_relaxed);
  const uint64_t now_ms = session_->writer().NowMs();
  if (uploader == nullptr || denied_ || stopping()) return;
  const uint32_t interval_ms = session_->settings().rotate_interval_ms;
  const bool full = interval_ms != 0 && session_->writer().NeedsSeal();
  if (now_ms >= seal_at_ms_ || (full && now_ms >= seal_at_ms_ - interval_ms + kSealPauseMs)) {
    busy_.store(true, std::memory_order_release);
    uploader->Seal();
    seal_at_ms_ = now_ms + interval_ms;
    // What was sealed goes out now, unless the collector asked for patience: then as soon as that is over.
    const uint32_t wait_ms = uploader->NextSendDelayMs();
    if (wait_ms != UINT32_MAX) send_at_ms_ = now_ms + wait_ms;
  }
  if (now_ms < send_at_ms_ || !MaySend()) return;
  busy_.store(true, std::memory_order_release);
  PlanNextSend(uploader->Send(interrupt_, false));
}

void Worker::PlanNextSend(SendResult result) {
  const uint32_t next_ms = uploader_.load(std::memory_order_relaxed)->NextSendDelayMs();
  // With nothing left the outbox is not even listed until a seal or a flush puts something in.
  const bool done = result == SendResult::kAllSent || result == SendResult::kDisabled || next_ms == UINT32_MAX;
  send_at_ms_ = done ? UINT64_MAX : session_->writer().NowMs() + next_ms;
}

void Worker::Serve() {
  const uint64_t erase = Asked(kErase);
  if (erase != 0) {
    DoErase();
    Answer(kErase, erase, WHYDROP_OK);
  }
  const uint64_t flush = Asked(kFlush);
  if (flush != 0) Answer(kFlush, flush, DoFlush());
}

whydrop_result Worker::DoFlush() {
  Uploader* uploader = uploader_.load(std::memory_order_relaxed);
  bool all = HarvestAll();
  if (uploader == nullptr || denied_) return WHYDROP_OK;
  if (session_->settings().rotate_interval_ms != 0) all = uploader->Seal() && all;
  if (!MaySend()) return all ? WHYDROP_OK : WHYDROP_ERROR_TIMEOUT;
  const SendResult result = uploader->Send(interrupt_, true);
  PlanNextSend(result);
  switch (result) {
    case SendResult::kAllSent:
      return all ? WHYDROP_OK : WHYDROP_ERROR_TIMEOUT;
    case SendResult::kDisabled:
      return WHYDROP_OK;
    case SendResult::kLeft:
    case SendResult::kStopped:
      break;
  }
  return WHYDROP_ERROR_TIMEOUT;
}

void Worker::DoErase() {
  // From here on for the rest of the session nothing is written or harvested, also if the player consents again.
  denied_ = true;
  session_->storage().BecomeVolatile();
  session_->storage_mode().store(WHYDROP_STORAGE_VOLATILE, std::memory_order_relaxed);
  const UploadConfig& upload = session_->settings().upload;
  if (!upload.directory.empty()) Uploader::EraseAll(upload.directory, upload.log);
  interrupt_.store(false, std::memory_order_release);
  if (stopping()) interrupt_.store(true, std::memory_order_release);
}

}  // namespace whydrop
