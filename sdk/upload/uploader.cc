#include "upload/uploader.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/identity.h"
#include "ring/live_ring.h"
#include "upload/harvest.h"
#include "upload/http_transport.h"
#include "upload/outbox.h"
#include "upload/retry_policy.h"

namespace whydrop {
namespace {

constexpr char kDisabledFile[] = "/disabled";

// What a rotation of a running server tells of the flow ring and the close totals, and what is told once it is
// finished.
void PlanTold(const RingContents& ring, BatchScope* scope, RingWriter::Told* told) {
  scope->flow_from = scope->flow_to = ring.life.flow_told;
  for (const RingConnection& connection : ring.connections) {
    if (connection.key_index == kFlowRingKeyIndex) scope->flow_to = std::max(scope->flow_to, connection.flow_index + 1);
  }
  told->flow_index = scope->flow_to;
  const std::vector<TotalShare> shares = ShareTotals(ring, *scope);
  for (size_t i = 0; i < shares.size(); ++i) {
    const uint64_t count = ring.totals[i].settled + shares[i].in_scope + shares[i].repeats;
    told->settled[ring.totals[i].entry] = static_cast<uint32_t>(count);
  }
}

// Whole seconds since the session ended. Clocks of one boot agree; across boots there is only the wall clock.
uint64_t AgeSeconds(const BatchFile& batch) {
  if (platform::CompareBoots(platform::BootId(), batch.boot_id) == platform::Boots::kSame) {
    const uint64_t now_ms = platform::BootTimeMs();
    return now_ms > batch.ended_boot_ms ? (now_ms - batch.ended_boot_ms) / 1000 : 0;
  }
  const int64_t now_ms = platform::WallUnixMs();
  // Without sign: a batch file may hold any number.
  const uint64_t age_ms = static_cast<uint64_t>(now_ms) - static_cast<uint64_t>(batch.ended_unix_ms);
  return now_ms > batch.ended_unix_ms ? age_ms / 1000 : 0;
}

void Step(int step) {
  if (upload_step_hook != nullptr) upload_step_hook(step);
}

uint32_t Random() {
  uint32_t value = 0;
  if (!platform::RandomBytes(&value, sizeof(value)).ok()) value = static_cast<uint32_t>(platform::MonotonicNs());
  return value;
}

}  // namespace

struct Uploader::Impl {
  UploadConfig config;
  RingWriter* own;
  UploadCounters* counters;
  Outbox outbox;
  std::unique_ptr<HttpTransport> transport;
  LiveRing live_ring;
  bool has_last = false;
  LastSession last;
  uint32_t attempts = 0;  // failed ones of this launch; of a server, since its last success
  bool stopped_for_launch = false;
  std::string refused_batch;  // whose refusal was counted in this launch
  uint64_t next_send_boot_ms = 0;

  Impl(const UploadConfig& c, RingWriter* o, UploadCounters* n)
      : config(c), own(o), counters(n), outbox(c.directory, c.log), live_ring(o) {
    transport = c.transport != nullptr ? MakeCallbackTransport(c.transport, c.transport_user, c.hooks)
                                       : MakeCurlTransport(c.hooks);
  }

  HarvestConfig MakeHarvestConfig() const {
    HarvestConfig harvest;
    harvest.directory = config.directory;
    harvest.own_session = own->identity().session_id;
    harvest.machine_hash = own->identity().machine_hash;
    harvest.log = config.log;
    return harvest;
  }

  void Lose(Loss loss, uint64_t count) {
    if (count == 0) return;
    own->CountLoss(loss, count);
    if (loss == Loss::kBatchesDropped || loss == Loss::kBatchesGivenUp) {
      counters->lost.fetch_add(count, std::memory_order_relaxed);
    }
  }

  void KeepQuota() {
    const OutboxLosses losses = outbox.EnforceQuota(config.role, platform::WallUnixMs());
    Lose(Loss::kBatchesDropped, losses.batches);
    Lose(Loss::kBytesDropped, losses.bytes);
    counters->waiting.store(outbox.Count(), std::memory_order_relaxed);
  }

  // A batch may be sent only when all of its rotation is durable: once the ring is gone, or, of this server's own ring,
  // once the rotation is sealed. Until then a harvest of the same ring may still go on.
  bool MaySend(const Outbox::Entry& entry) const {
    const std::string session = entry.session();
    if (session == SessionHex(own->identity().session_id)) {
      return entry.rotation < own->life()->rotation.load(std::memory_order_relaxed);
    }
    // Asked after the batches were listed: a ring that is gone now was gone or finished then.
    platform::FileFacts facts;
    return platform::LookAt(config.directory + "/" + session + ".ring", &facts).kind == StatusKind::kNotFound;
  }

  std::vector<Outbox::Entry> Sendable() const {
    std::vector<Outbox::Entry> entries;
    for (Outbox::Entry& entry : outbox.List()) {
      if (MaySend(entry)) entries.push_back(static_cast<Outbox::Entry&&>(entry));
    }
    return entries;
  }

  bool Post(const BatchFile& batch, const std::atomic<bool>& stop, Attempt* attempt);
  SendResult Apply(const Outbox::Entry& entry, const BatchFile& batch, const Decision& decision);
  SendResult SendOne(const Outbox::Entry& entry, const std::atomic<bool>& stop);
  void Disable();
  void DelayNextSend(uint32_t delay_ms) { next_send_boot_ms = platform::BootTimeMs() + delay_ms; }
};

// False: stopped.
bool Uploader::Impl::Post(const BatchFile& batch, const std::atomic<bool>& stop, Attempt* attempt) {
  HttpRequest request;
  request.url = config.url;
  request.ca_file = config.ca_file;
  request.body = &batch.body;
  request.headers = {"Content-Type: application/x-protobuf", "Content-Encoding: gzip",
                     "X-Whydrop-Age: " + std::to_string(AgeSeconds(batch))};
  if (!config.app_key.empty()) request.headers.push_back("X-Whydrop-Key: " + config.app_key);
  HttpResponse response;
  if (!transport->Post(request, stop, &response)) return false;
  WireAck ack;
  if (ReadAck(response.body.data(), response.body.size(), &ack)) {
    attempt->acknowledged = ack.has_id && ack.session_id == batch.session_id && ack.rotation == batch.rotation &&
                            ack.part == batch.part && ack.has_sha256 && ack.sha256 == batch.sha256;
  }
  attempt->answered = response.answered;
  attempt->status = response.status;
  attempt->verdict = ack.verdict;
  attempt->retry_after_s = response.retry_after_s;
  if (attempt->acknowledged) attempt->retry_after_s = std::max(ack.retry_after_s, response.retry_after_s);
  attempt->role = config.role;
  attempt->attempts = attempts + 1;
  attempt->refused_launches = batch.refused_launches;
  attempt->random = Random();
  if (!response.answered) {
    config.log.Write(LogLevel::kInfo, "no answer from the collector (%s); the batch is kept", response.error.c_str());
  } else if (!attempt->acknowledged) {
    config.log.Write(LogLevel::kInfo, "HTTP status %d without an acknowledgement", static_cast<int>(response.status));
  }
  return true;
}

void Uploader::Impl::Disable() {
  const Status status =
      platform::WriteDurably(config.directory + kDisabledFile, config.app_version.data(), config.app_version.size());
  if (!status.ok()) {
    config.log.Write(LogLevel::kWarning,
                     "cannot write %s%s (error %d): the collector is asked again at the next launch",
                     config.directory.c_str(), kDisabledFile, status.native);
  }
  Lose(Loss::kBatchesRejected, outbox.Count());
  outbox.Clear();
  stopped_for_launch = true;
}

// kAllSent: go on with the next batch.
SendResult Uploader::Impl::Apply(const Outbox::Entry& entry, const BatchFile& batch, const Decision& decision) {
  if (decision.delay_ms != 0) DelayNextSend(decision.delay_ms);
  switch (decision.action) {
    case Action::kDeleteAcknowledged:
      if (config.role == WHYDROP_ROLE_SERVER) attempts = 0;
      counters->sent.fetch_add(1, std::memory_order_relaxed);
      (void)outbox.Remove(entry);  // sent again otherwise, and answered with DUPLICATE
      return decision.delay_ms == 0 ? SendResult::kAllSent : SendResult::kLeft;
    case Action::kDeleteRejected:
      config.log.Write(LogLevel::kWarning, "the collector rejected batch %s for good", entry.name.c_str());
      counters->rejected.fetch_add(1, std::memory_order_relaxed);
      Lose(Loss::kBatchesRejected, 1);
      (void)outbox.Remove(entry);  // as above
      return decision.delay_ms == 0 ? SendResult::kAllSent : SendResult::kLeft;
    case Action::kDisable:
      Disable();
      return SendResult::kDisabled;
    case Action::kRetryLater:
      ++attempts;
      return SendResult::kLeft;
    case Action::kDropRefused:
      Lose(Loss::kBatchesGivenUp, 1);
      (void)outbox.Remove(entry);  // given up again at the next launch otherwise
      break;
    case Action::kCountRefusal:
      // Once a launch, though a flush may ask again; if it cannot be written, the batch only stays longer.
      if (!refused_batch.empty()) break;
      refused_batch = entry.name;
      (void)outbox.CountRefusal(entry, static_cast<uint8_t>(batch.refused_launches + 1));
      break;
    case Action::kStopLaunch:
      ++attempts;
      break;
  }
  stopped_for_launch = true;
  return SendResult::kLeft;
}

SendResult Uploader::Impl::SendOne(const Outbox::Entry& entry, const std::atomic<bool>& stop) {
  BatchFile batch;
  const Status loaded = outbox.Load(entry, &batch);
  if (loaded.kind == StatusKind::kNotFound) return SendResult::kAllSent;  // another process sent it
  if (loaded.kind == StatusKind::kIo) return SendResult::kLeft;
  if (!loaded.ok()) {
    Lose(Loss::kBatchesDropped, 1);
    Lose(Loss::kBytesDropped, entry.size_bytes);
    return SendResult::kAllSent;
  }
  Attempt attempt;
  Step(kBeforePost);
  if (!Post(batch, stop, &attempt)) return SendResult::kStopped;
  Step(kAnswered);
  if (entry.name == refused_batch && attempt.refused_launches != 0) --attempt.refused_launches;
  const SendResult result = Apply(entry, batch, Decide(attempt));
  Step(kApplied);
  return result;
}

Uploader::Uploader(const UploadConfig& config, RingWriter* own) : impl_(new Impl(config, own, &counters_)) {}

Uploader::~Uploader() { delete impl_; }

bool Uploader::Harvest() {
  const HarvestResult result = HarvestRings(impl_->MakeHarvestConfig(), impl_->outbox);
  impl_->Lose(Loss::kRingsCorrupt, result.rings_corrupt);
  if (result.any && (!impl_->has_last || result.last_report.ended_unix_ms > impl_->last.ended_unix_ms)) {
    impl_->has_last = true;
    LastSession& last = impl_->last;
    last.end = result.last_report.end.cause;
    last.code = result.last_crash_code;
    last.open_connections = result.last_report.open_connections;
    last.uptime_ms = result.last_report.ended_ms;
    last.ended_unix_ms = result.last_report.ended_unix_ms;
    last.session_id = result.last.session_id;
  }
  impl_->KeepQuota();
  return result.rings_left == 0;
}

bool Uploader::GetLastSession(LastSession* out) const {
  if (impl_->has_last) *out = impl_->last;
  return impl_->has_last;
}

bool Uploader::Seal() {
  RingWriter& own = *impl_->own;
  BatchScope scope;
  scope.kind = BatchScope::Kind::kRunning;
  if (!own.BeginSeal(&scope.key_from, &scope.key_to, &scope.rotation)) {
    // Nothing ended: the report itself is the sign of life, and a range of one record finishes like any other.
    own.RecordKey(EventType::kReported, 0, 0, 0);
    if (!own.BeginSeal(&scope.key_from, &scope.key_to, &scope.rotation)) return true;
  }
  RingContents ring;
  Status status = impl_->live_ring.Read(&ring);
  RingWriter::Told told;
  PlanTold(ring, &scope, &told);
  if (status.ok()) {
    SessionReport report = ReportRunningSession(ring, ring.life.seal_reference_ms);
    report.open_connections = own.OpenConnections();
    status = PutRotation(impl_->outbox, ring, report, scope);
  }
  if (!status.ok()) {
    impl_->config.log.Write(LogLevel::kWarning, "cannot write the batches of a rotation (error %d); tried again",
                            status.native);
    return false;
  }
  own.FinishSeal(told);
  impl_->live_ring.Told();
  impl_->KeepQuota();
  return true;
}

SendResult Uploader::Send(const std::atomic<bool>& stop, bool ignore_backoff) {
  if (impl_->config.url.empty()) return SendResult::kAllSent;
  if (IsDisabled(impl_->config.directory, impl_->config.app_version)) return SendResult::kDisabled;
  const bool waits = impl_->stopped_for_launch || platform::BootTimeMs() < impl_->next_send_boot_ms;
  const std::vector<Outbox::Entry> entries = impl_->Sendable();
  SendResult result = SendResult::kAllSent;
  if (waits && !ignore_backoff && !entries.empty()) return SendResult::kLeft;
  for (const Outbox::Entry& entry : entries) {
    result = stop.load(std::memory_order_relaxed) ? SendResult::kStopped : impl_->SendOne(entry, stop);
    if (result != SendResult::kAllSent) break;
  }
  counters_.waiting.store(impl_->outbox.Count(), std::memory_order_relaxed);
  // A pause that the collector asked for behind the last batch leaves nothing.
  if (result == SendResult::kLeft && impl_->Sendable().empty()) result = SendResult::kAllSent;
  return result;
}

uint32_t Uploader::NextSendDelayMs() const {
  if (impl_->stopped_for_launch && impl_->config.role != WHYDROP_ROLE_SERVER) return UINT32_MAX;
  const uint64_t now_ms = platform::BootTimeMs();
  if (impl_->next_send_boot_ms <= now_ms) return 0;
  return static_cast<uint32_t>(std::min<uint64_t>(impl_->next_send_boot_ms - now_ms, UINT32_MAX - 1));
}

bool Uploader::IsDisabled(const std::string& directory, const std::string& app_version) {
  std::string version;
  return platform::ReadWhole(directory + kDisabledFile, kMaxVersionBytes, &version).ok() && version == app_version;
}

void Uploader::EraseAll(const std::string& directory, const Log& log) {
  Outbox(directory, log).Clear();
  HarvestConfig config;
  config.directory = directory;
  config.log = log;
  EraseRings(config);
}

}  // namespace whydrop
