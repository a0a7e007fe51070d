#include "tools/load.h"

#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/identity.h"
#include "platform/process.h"
#include "ring/ring_reader.h"
#include "upload/batch_encoder.h"
#include "upload/outbox.h"
#include "upload/session_report.h"

namespace whydrop::tools {

namespace {

constexpr int kMaxInflatedBytes = 1 << 20;

std::string OpenError(const Status& status) {
  switch (status.kind) {
    case StatusKind::kNotFound:
      return "there is no such file";
    case StatusKind::kInvalid:
      return "not a plain file of the user who runs this command";
    case StatusKind::kCorrupt:
      return "larger than any ring";
    default:
      return "cannot be read (system error " + std::to_string(status.native) + ")";
  }
}

SystemNow AskSystem() {
  SystemNow now;
  now.boot_id = platform::BootId();
  now.boot_ms = platform::BootTimeMs();
  now.unix_ms = platform::WallUnixMs();
  now.oom_kills_known = platform::OutOfMemoryKills(&now.oom_kills);
  return now;
}

// By what stands in the header, because asking for the file's lock could get in the way of a game that starts.
Loaded::State StateOf(const RingIdentity& identity, const SystemNow& now) {
  if (platform::CompareBoots(identity.boot_id, now.boot_id) == platform::Boots::kOther) return Loaded::State::kEnded;
  switch (platform::CheckProcess({identity.pid, identity.process_start, identity.pid_namespace})) {
    case platform::Liveness::kAlive:
      return Loaded::State::kRunning;
    case platform::Liveness::kUnknown:
      return Loaded::State::kMayRun;
    case platform::Liveness::kDead:
      break;
  }
  return Loaded::State::kEnded;
}

void ListDamage(const RingDamage& damage, Loaded* out) {
  const std::pair<const char*, uint64_t> counts[] = {{"slots", damage.slots_damaged},
                                                     {"slots_unfinished", damage.slots_unfinished},
                                                     {"connections", damage.connections_damaged},
                                                     {"tags", damage.tags_damaged},
                                                     {"totals", damage.totals_damaged},
                                                     {"life_page", damage.life_out_of_range ? 1u : 0u}};
  for (const auto& [what, count] : counts) {
    if (count > 0) out->damage.emplace_back(what, count);
  }
}

bool AppendBatch(const std::string& body, Loaded* out) {
  v1::Batch batch;
  if (!batch.ParseFromString(body)) return false;
  out->batches.push_back(std::move(batch));
  return true;
}

bool LoadRing(const RingContents& ring, Loaded* out) {
  const SystemNow now = AskSystem();
  out->kind = Loaded::Kind::kRing;
  out->state = StateOf(ring.identity, now);
  out->pid = ring.identity.pid;
  ListDamage(ring.damage, out);
  const bool running = out->state == Loaded::State::kRunning;
  for (const Rotation& rotation : PlanRotations(ring, FactsOf(ring, now))) {
    const bool no_end_yet = running && rotation.scope.kind == BatchScope::Kind::kEnded;
    const SessionReport report = no_end_yet ? ReportRunningSession(ring, TimeOfDeathMs(ring)) : rotation.report;
    for (const std::string& body : EncodeRotation(ring, report, rotation.scope)) {
      if (!AppendBatch(body, out)) return false;
    }
  }
  return !out->batches.empty();
}

// Inflates no further than a collector would.
bool LoadBatch(const BatchFile& file, Loaded* out) {
  using google::protobuf::io::GzipInputStream;
  out->kind = Loaded::Kind::kBatch;
  google::protobuf::io::ArrayInputStream compressed(file.body.data(), static_cast<int>(file.body.size()));
  GzipInputStream inflated(&compressed, GzipInputStream::GZIP);
  std::string body;
  const void* chunk = nullptr;
  int size = 0;
  while (inflated.Next(&chunk, &size)) {
    if (body.size() + static_cast<size_t>(size) > kMaxInflatedBytes) return false;
    body.append(static_cast<const char*>(chunk), static_cast<size_t>(size));
  }
  return inflated.ZlibErrorCode() >= 0 && AppendBatch(body, out);
}

}  // namespace

bool Load(const std::string& path, Loaded* out, std::string* error) {
  std::string bytes;
  const Status read = platform::ReadWhole(path, kMaxServerRingBytes, &bytes);
  if (!read.ok()) {
    *error = OpenError(read);
    return false;
  }
  out->size_bytes = bytes.size();

  RingContents ring;
  BatchFile batch;
  const Status as_ring = ReadRing(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &ring);
  const Status as_batch = as_ring.ok() ? Status{StatusKind::kCorrupt, 0} : DecodeBatchFile(bytes, &batch);
  if (as_ring.ok() ? LoadRing(ring, out) : as_batch.ok() && LoadBatch(batch, out)) return true;
  if (as_ring.kind == StatusKind::kUnsupported || as_batch.kind == StatusKind::kUnsupported) {
    *error = "written by another version of whydrop, whose format this command does not know";
  } else {
    *error = "neither a ring nor a batch of whydrop, or too damaged to trust anything in it";
  }
  return false;
}

}  // namespace whydrop::tools
