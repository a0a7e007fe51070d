// Start and stop. A word of state changed by compare-and-swap takes the place of a mutex, because a forked child would
// inherit a mutex locked; it lies in the page that the child sees as zeros, which is "stopped".
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include "core/sha256.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/identity.h"
#include "platform/process.h"
#include "session/guard.h"
#include "session/session.h"

namespace whydrop {

std::atomic<ProcessCell*> g_process_cell{nullptr};

// Grants the functions of this file access to a session's parts.
struct Lifecycle {
  enum Phase : uint32_t { kStopped = 0, kChanging = 1, kRunning = 2 };
  enum class End { kStop, kExit };

  static whydrop_result Start(Settings&& settings);
  static bool Launch(Session* session);
  static void Abandon(Session* session);
  static void Identify(Session* session, RingIdentity* identity);
  static bool MakeStorage(Session* session, const RingIdentity& identity);
  static void InstallHooks(Session* session);
  static void Stop(End end);
  static bool EarlierWorkerIsGone();

  static Session* newest;  // changed in phase kChanging only
};

Session* Lifecycle::newest = nullptr;

namespace {

// After stop nobody waits longer than this for the worker: leaving the game is never delayed.
constexpr uint32_t kJoinMs = 50;

// Sessions of this process count from 1; a handle of an earlier one, or of the parent's, matches no later one.
std::atomic<uint32_t> g_epoch{0};
std::atomic<bool> g_exit_hook_registered{false};

ProcessCell* MakeCell() {
  ProcessCell* cell = g_process_cell.load(std::memory_order_acquire);
  if (cell != nullptr) return cell;
  // One page for the life of the process: whoever comes second gets the same.
  cell = static_cast<ProcessCell*>(platform::WipedOnForkPage(sizeof(ProcessCell)));
  g_process_cell.store(cell, std::memory_order_release);
  return cell;
}

void RingName(const RingIdentity& identity, std::string* out) {
  char text[3] = {};
  for (const uint8_t byte : identity.session_id) {
    std::snprintf(text, sizeof text, "%02x", byte);
    out->append(text);
  }
  out->append(".ring");
}

}  // namespace

void Lifecycle::Identify(Session* session, RingIdentity* identity) {
  const UploadConfig& upload = session->settings_.upload;
  struct {
    std::array<uint8_t, 16> session_id;
    uint64_t nonce;
  } random;
  if (!platform::RandomBytes(&random, sizeof random).ok()) {
    // No randomness: time and pid still tell sessions of one machine apart.
    random.nonce = platform::MonotonicNs() ^ platform::RawPid() << 40;
    const auto hash = Sha256Of(&random.nonce, sizeof random.nonce);
    std::memcpy(random.session_id.data(), hash.data(), random.session_id.size());
  }
  identity->session_id = random.session_id;
  identity->nonce = random.nonce;
  const platform::ProcessIdentity process = platform::CurrentProcess();
  session->pid_ = process.pid;
  identity->pid = process.pid;
  identity->process_start = process.start_time;
  identity->pid_namespace = process.pid_namespace;
  identity->boot_id = platform::BootId();
  const platform::Id16 machine = platform::MachineId();
  identity->machine_hash = HashToken(upload.app_id.data(), upload.app_id.size(),
                                     reinterpret_cast<const char*>(machine.data()), machine.size());
  identity->started_unix_ms = platform::WallUnixMs();
  identity->started_monotonic_ms = platform::CoarseMonotonicMs();
  identity->started_boot_ms = platform::BootTimeMs();
  identity->role = upload.role;
  const platform::SystemKind system = platform::CurrentSystem();
  identity->system = static_cast<int32_t>(system);
  session->wine_ = system == platform::SystemKind::kWine;
  identity->rotate_interval_ms = session->settings_.rotate_interval_ms;
  std::memcpy(identity->app_id, upload.app_id.data(), upload.app_id.size());
  std::memcpy(identity->app_version, upload.app_version.data(), upload.app_version.size());
}

bool Lifecycle::MakeStorage(Session* session, const RingIdentity& identity) {
  Settings& settings = session->settings_;
  UploadConfig& upload = settings.upload;
  const size_t size = settings.layout.total_bytes;
  bool disk = settings.consent != WHYDROP_CONSENT_DENIED && !upload.directory.empty();
  if (disk) {
    const Status status = platform::EnsureDirectory(upload.directory);
    if (!status.ok()) {
      upload.log.Write(LogLevel::kWarning, "%s cannot be used as state directory (error %d): recording in memory only",
                       upload.directory.c_str(), static_cast<int>(status.native));
      upload.directory.clear();
      disk = false;
    } else if (Uploader::IsDisabled(upload.directory, upload.app_version)) {
      upload.log.Write(LogLevel::kInfo, "the collector switched this version off: recording in memory only");
      settings.switched_off = true;
      disk = false;
    }
  }
  if (disk) {
    std::string path = upload.directory + "/";
    RingName(identity, &path);
    const Status status = session->storage_.Create(path, size);
    if (status.ok()) return true;
    upload.log.Write(LogLevel::kWarning, "%s cannot be made (error %d): recording in memory only", path.c_str(),
                     static_cast<int>(status.native));
  }
  return session->storage_.CreateAs(platform::StorageMode::kVolatile, std::string(), size).ok();
}

void Lifecycle::InstallHooks(Session* session) {
  if ((session->settings_.flags & WHYDROP_FLAG_NO_CRASH_HANDLER) != 0) return;
  const Status status = platform::InstallCrashHooks(kCrashSink);
  if (!status.ok()) {
    session->settings_.upload.log.Write(LogLevel::kWarning, "crash handlers cannot be installed (error %d)",
                                        static_cast<int>(status.native));
    return;
  }
  session->hooks_installed_ = true;
  session->writer_.life()->handlers.store(1, std::memory_order_relaxed);
  platform::AttachThreadForCrashes();
}

// False, or an exception: there was no memory, and what was made is to be abandoned.
bool Lifecycle::Launch(Session* session) {
  // Handlers may stay behind, inert, also of a start that fails.
  platform::PinLibrary();
  platform::PrepareSocketProbes();
  RingIdentity identity;
  Identify(session, &identity);
  if (!MakeStorage(session, identity)) return false;
  if (!session->connections_.Allocate(session->settings_.layout.max_connections)) return false;
  session->storage_mode_.store(static_cast<int32_t>(session->storage_.mode()), std::memory_order_relaxed);
  session->writer_.Format(&session->storage_, session->settings_.layout, identity);
  ProcessCell* cell = g_process_cell.load(std::memory_order_acquire);
  cell->crashing.store(session, std::memory_order_release);
  InstallHooks(session);
  if (!session->worker_.Start(session).ok()) return false;
  cell->current.store(session, std::memory_order_release);
  return true;
}

void Lifecycle::Abandon(Session* session) {
  g_process_cell.load(std::memory_order_acquire)->crashing.store(nullptr, std::memory_order_release);
  if (session->hooks_installed_) platform::UninstallCrashHooks();
  session->storage_.Discard();
}

bool Lifecycle::EarlierWorkerIsGone() {
  ProcessCell* cell = g_process_cell.load(std::memory_order_acquire);
  Session* leaving = cell->leaving.load(std::memory_order_acquire);
  if (leaving == nullptr) return true;
  if (!leaving->worker_.Join(0)) return false;
  cell->leaving.store(nullptr, std::memory_order_release);
  return true;
}

whydrop_result Lifecycle::Start(Settings&& settings) {
  ProcessCell* cell = MakeCell();
  if (cell == nullptr) return WHYDROP_ERROR_NO_MEMORY;
  uint32_t phase = kStopped;
  if (!cell->phase.compare_exchange_strong(phase, kChanging, std::memory_order_acq_rel)) {
    return WHYDROP_ERROR_ALREADY_STARTED;
  }
  whydrop_result result = WHYDROP_ERROR_NO_MEMORY;
  Session* session = nullptr;
  WHYDROP_GUARD_BEGIN
  if (!EarlierWorkerIsGone()) {
    result = WHYDROP_ERROR_ALREADY_STARTED;
  } else if ((session = new (std::nothrow) Session) != nullptr) {
    session->older_ = newest;
    newest = session;
    session->settings_ = std::move(settings);
    session->settings_.upload.hooks = {RegisterExitHook, Worker::PulseWhileWaiting, &session->worker_};
    do {
      session->epoch_ = static_cast<uint16_t>(g_epoch.fetch_add(1, std::memory_order_relaxed) + 1);
    } while (session->epoch_ == 0);
    if (Launch(session)) result = WHYDROP_OK;
  }
  WHYDROP_GUARD_END(result = WHYDROP_ERROR_NO_MEMORY)
  if (result != WHYDROP_OK && session != nullptr) Abandon(session);
  if (result == WHYDROP_OK && !g_exit_hook_registered.exchange(true)) RegisterExitHook();
  cell->phase.store(result == WHYDROP_OK ? kRunning : kStopped, std::memory_order_release);
  return result;
}

void Lifecycle::Stop(End end) {
  ProcessCell* cell = g_process_cell.load(std::memory_order_acquire);
  uint32_t phase = kRunning;
  if (cell == nullptr || !cell->phase.compare_exchange_strong(phase, kChanging, std::memory_order_acq_rel)) return;
  Session* session = cell->current.exchange(nullptr, std::memory_order_acq_rel);
  LifePage* life = session->writer_.life();
  // First of all, before anything else can crash.
  life->ended_ms.store(session->writer_.NowMs(), std::memory_order_relaxed);
  life->clean_mark.store(1, std::memory_order_release);
  session->PersistLife();
  const bool gone = session->worker_.Stop(kJoinMs);
  if (end == End::kStop) {
    cell->crashing.store(nullptr, std::memory_order_release);
    if (session->hooks_installed_) platform::UninstallCrashHooks();
    if (!gone) cell->leaving.store(session, std::memory_order_release);
    session->LeaveRing();
  }
  // While the process exits, handlers and ring stay: a destructor that crashes now is still told from an orderly end.
  cell->phase.store(end == End::kStop ? kStopped : kChanging, std::memory_order_release);
}

whydrop_result StartSession(Settings&& settings) { return Lifecycle::Start(std::move(settings)); }

void StopSession() { Lifecycle::Stop(Lifecycle::End::kStop); }

void RegisterExitHook() {
  platform::RunAtExit([] { Lifecycle::Stop(Lifecycle::End::kExit); });
}

void Session::LeaveRing() {
  if (!one_has_left_.exchange(true)) return;
  writer_.WriteThrough();  // counters since the last pulse; the worker, whose call it is, does no more
  storage_.Retire();
}

void Session::NoteExit(int32_t exit_reason) {
  LifePage* life = writer_.life();
  if (exit_reason < WHYDROP_EXIT_USER || exit_reason > WHYDROP_EXIT_OS_SHUTDOWN) {
    writer_.CountLoss(Loss::kLabelsInvalid);
    return;
  }
  RevokeIfRecoveredHere();
  life->ended_ms.store(writer_.NowMs(), std::memory_order_relaxed);
  life->exit_reason.store(static_cast<uint32_t>(exit_reason), std::memory_order_release);
  PersistLife();
}

void Session::Stats(whydrop_stats* out) {
  out->storage = storage_mode_.load(std::memory_order_relaxed);
  out->recorded = writer_.Recorded();
  out->dropped = writer_.LossCount(Loss::kEventsDropped) + writer_.LossCount(Loss::kConnectionsRefused) +
                 writer_.LossCount(Loss::kLabelsInvalid) + writer_.LossCount(Loss::kTagsDropped);
  const UploadCounters* counters = worker_.counters();
  out->batches_waiting = counters == nullptr ? 0 : counters->waiting.load(std::memory_order_relaxed);
  out->batches_sent = counters == nullptr ? 0 : counters->sent.load(std::memory_order_relaxed);
  out->batches_rejected = counters == nullptr ? 0 : counters->rejected.load(std::memory_order_relaxed);
  out->batches_lost = counters == nullptr ? 0 : counters->lost.load(std::memory_order_relaxed);
}

}  // namespace whydrop
