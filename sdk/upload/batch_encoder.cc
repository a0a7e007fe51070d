#include "upload/batch_encoder.h"

#include <algorithm>
#include <cstring>

#include "core/sha256.h"
#include "upload/field_numbers.h"
#include "upload/wire.h"

namespace whydrop {
namespace {

// Room for everything of a batch that is no record. The cut must not depend on it, since a session's tags and losses
// may change between the writing of two parts of one rotation; its largest size is below 2 KiB.
constexpr size_t kEnvelopeBytes = 4096;

// One connection, event or close total with its tag, ready to be appended to a batch.
std::string Record(uint32_t field, WireWriter* message) {
  WireWriter record;
  record.Message(field, message->bytes());
  return record.Take();
}

std::string EncodeEvidence(const Evidence& evidence) {
  WireWriter out;
  for (uint32_t number = 1; number < static_cast<uint32_t>(kFieldLimit); ++number) {
    const auto field = static_cast<Field>(number);
    if ((kKnownFields >> number & 1) == 0 || !evidence.Has(field)) continue;
    const int64_t value = evidence.Get(field);
    const bool is_bool = (fields::evidence::kBoolFields >> number) & 1;
    out.Present(number, is_bool ? (value != 0 ? 1 : 0) : static_cast<uint64_t>(value));
  }
  return out.Take();
}

std::string EncodeConnection(const RingContents& ring, const SessionReport& report, const RingConnection& connection) {
  namespace f = fields::connection;
  const Evidence evidence = CompleteEvidence(ring, report, connection);
  Verdict verdict;
  verdict.cause = connection.cause;
  verdict.confidence = connection.confidence;
  if (connection.open) verdict = ClassifyConnection(evidence);
  const ConnectionIdentity& identity = connection.identity;
  WireWriter out;
  out.Number(f::kNumber, identity.number);
  out.Number(f::kPrevious, identity.previous);
  if (identity.has_token) out.Bytes(f::kTokenHash, identity.token_hash.data(), identity.token_hash.size());
  out.Text(f::kEndpoint, identity.endpoint);
  out.Text(f::kNetwork, identity.network);
  out.Number(f::kOpen, connection.open ? 1 : 0);
  out.SignedNumber(f::kCause, verdict.cause);
  out.SignedNumber(f::kConfidence, static_cast<int64_t>(verdict.confidence));
  out.Message(f::kEvidence, EncodeEvidence(evidence));
  return Record(fields::batch::kConnections, &out);
}

std::string EncodeEvent(const RingEvent& event, uint64_t index) {
  namespace f = fields::event;
  WireWriter out;
  out.Number(f::kIndex, index);
  out.Number(f::kAtMs, event.at_ms);
  out.Number(f::kType, static_cast<uint64_t>(event.type));
  out.Number(f::kConnection, event.connection);
  out.SignedNumber(f::kA, event.a);
  out.SignedNumber(f::kB, event.b);
  return Record(fields::batch::kEvents, &out);
}

std::string EncodeTotal(const RingTotal& total, uint64_t count) {
  namespace f = fields::close_total;
  WireWriter out;
  out.Text(f::kEndpoint, total.endpoint);
  out.SignedNumber(f::kCause, total.cause);
  out.Number(f::kCount, count);
  out.Number(f::kFirstMs, total.first_ms);
  out.Number(f::kLastMs, total.last_ms);
  return Record(fields::batch::kCloseTotals, &out);
}

bool InScope(const BatchScope& scope, uint64_t key_index) {
  return key_index >= scope.key_from && key_index < scope.key_to;
}

// Event.index counts the session's events in the order they are told, one number for both rings: it starts behind what
// earlier rotations told and what was overwritten.
void AppendEvents(const RingContents& ring, const BatchScope& scope, std::vector<std::string>* records) {
  const bool ended = scope.kind == BatchScope::Kind::kEnded;
  uint64_t overwritten = UINT64_MAX;
  for (const RingEvent& event : ring.events) {
    if (!event.key && event.index < overwritten) overwritten = event.index;
  }
  uint64_t index = scope.key_from + (ended && overwritten != UINT64_MAX ? overwritten : 0);
  for (const RingEvent& event : ring.events) {
    if (event.key ? InScope(scope, event.index) : ended) records->push_back(EncodeEvent(event, index++));
  }
}

bool TellsEnded(const BatchScope& scope, const RingConnection& connection) {
  if (connection.key_index != kFlowRingKeyIndex) return InScope(scope, connection.key_index);
  return connection.flow_index >= scope.flow_from && connection.flow_index < scope.flow_to;
}

bool IsTold(const RingContents& ring, const RingConnection& connection) {
  if (connection.key_index != kFlowRingKeyIndex) return connection.key_index < ring.life.sealed_index;
  return connection.flow_index < ring.life.flow_told;
}

void AppendTotals(const RingContents& ring, const BatchScope& scope, std::vector<std::string>* records) {
  const std::vector<TotalShare> shares = ShareTotals(ring, scope);
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i].repeats != 0) records->push_back(EncodeTotal(ring.totals[i], shares[i].repeats));
  }
}

std::string EncodeCrash(const RingLife::Crash& crash) {
  namespace f = fields::crash;
  WireWriter out;
  out.Number(f::kCode, crash.code);
  out.ZigZag(f::kSignalCode, crash.signal_code);
  out.SignedNumber(f::kAddressClass, crash.address_class);
  out.Text(f::kModule, crash.module);
  out.Number(f::kOffset, crash.offset);
  out.Number(f::kThreadId, crash.thread_id);
  out.Text(f::kReportId, crash.report_id);
  out.Number(f::kAtMs, crash.at_ms);
  out.Number(f::kAliveAfterFaultMs, crash.alive_ms > crash.at_ms ? crash.alive_ms - crash.at_ms : 0);
  out.SignedNumber(f::kKind, crash.kind);
  return out.Take();
}

// Which machine and which boot: told of servers only, and only as hashes.
void AppendHost(const RingIdentity& identity, WireWriter* out) {
  namespace f = fields::session;
  if (identity.role != WHYDROP_ROLE_SERVER) return;
  const std::array<uint8_t, 16> unknown{};
  if (identity.boot_id != unknown) {
    const auto hash = HashToken(identity.app_id, std::strlen(identity.app_id),
                                reinterpret_cast<const char*>(identity.boot_id.data()), identity.boot_id.size());
    out->Bytes(f::kBootId, hash.data(), hash.size());
  }
  if (identity.machine_hash != unknown) {
    out->Bytes(f::kMachineId, identity.machine_hash.data(), identity.machine_hash.size());
  }
}

std::string EncodeSession(const RingContents& ring, const SessionReport& report) {
  namespace f = fields::session;
  const RingIdentity& identity = ring.identity;
  WireWriter out;
  out.Text(f::kAppId, identity.app_id);
  out.Text(f::kAppVersion, identity.app_version);
  out.SignedNumber(f::kRole, identity.role);
  out.SignedNumber(f::kPlatform, identity.system);
  out.Text(f::kSdkVersion, WHYDROP_VERSION_STRING);
  for (const RingTag& tag : ring.tags) {
    WireWriter encoded;
    encoded.Text(fields::tag::kKey, tag.key);
    encoded.Text(fields::tag::kValue, tag.value);
    out.Message(f::kTags, encoded.bytes());
  }
  out.SignedNumber(f::kEnd, report.end.cause);
  out.SignedNumber(f::kEndConfidence, static_cast<int64_t>(report.end.confidence));
  out.Number(f::kUptimeMs, report.ended_ms);
  out.SignedNumber(f::kStartedUnixMs, identity.started_unix_ms);
  if (report.end.cause == WHYDROP_CAUSE_CLIENT_CRASH) out.Message(f::kCrash, EncodeCrash(ring.life.crash));
  out.Number(f::kConnectionsOpened, ring.life.connections_opened);
  out.Number(f::kConnectionsOpen, report.open_connections);
  AppendHost(identity, &out);
  out.Number(f::kRotateIntervalMs, identity.rotate_interval_ms);
  out.SignedNumber(f::kExitReason, ring.life.exit_reason);
  out.Number(f::kHandlerDisplaced, ring.life.handlers_displaced ? 1 : 0);
  out.Number(f::kHandlersInstalled, ring.life.handlers_installed ? 1 : 0);
  return out.Take();
}

// The indexes of RingLife::losses are the field numbers of Losses; the two that only a reader can see are added.
std::string EncodeLosses(const RingContents& ring) {
  static_assert(static_cast<uint32_t>(Loss::kRingsCorrupt) == fields::losses::kRingsCorrupt);
  static_assert(static_cast<uint32_t>(Loss::kEvidenceCut) == fields::losses::kEvidenceCut);
  const RingDamage& damage = ring.damage;
  WireWriter out;
  for (uint32_t number = 1; number <= fields::losses::kRingsCorrupt; ++number) {
    uint64_t count = ring.life.losses[number];
    if (number == fields::losses::kSlotsDamaged) {
      count = damage.slots_damaged + damage.connections_damaged + damage.tags_damaged + damage.totals_damaged;
    } else if (number == fields::losses::kSlotsUnfinished) {
      count = damage.slots_unfinished;
    }
    out.Number(number, count);
  }
  return out.Take();
}

// Indexes into the records where each part ends.
std::vector<size_t> Cut(const std::vector<std::string>& records) {
  std::vector<size_t> ends;
  size_t start = 0;
  size_t bytes = kEnvelopeBytes;
  for (size_t i = 0; i < records.size(); ++i) {
    if (i > start && (i - start == kMaxBatchRecords || bytes + records[i].size() > kMaxBatchBytes)) {
      ends.push_back(i);
      start = i;
      bytes = kEnvelopeBytes;
    }
    bytes += records[i].size();
  }
  ends.push_back(records.size());
  return ends;
}

}  // namespace

// Records that finished rotations told may still lie in the ring; `settled` has them already. A
// thread may stand between the record and the count: then the records are ahead, and a later rotation is exact.
std::vector<TotalShare> ShareTotals(const RingContents& ring, const BatchScope& scope) {
  std::vector<TotalShare> shares(ring.totals.size());
  std::vector<uint64_t> recorded(ring.totals.size());  // and not told yet
  for (const RingConnection& connection : ring.connections) {
    if (connection.open || IsTold(ring, connection)) continue;
    for (size_t i = 0; i < ring.totals.size(); ++i) {
      const RingTotal& total = ring.totals[i];
      if (total.cause != connection.cause || total.endpoint != connection.identity.endpoint) continue;
      ++recorded[i];
      if (TellsEnded(scope, connection)) ++shares[i].in_scope;
      break;  // the reader has added up what has the same name
    }
  }
  for (size_t i = 0; i < shares.size(); ++i) {
    const uint64_t known = ring.totals[i].settled + recorded[i];
    shares[i].repeats = ring.totals[i].count > known ? ring.totals[i].count - known : 0;
  }
  return shares;
}

std::vector<Rotation> PlanRotations(const RingContents& ring, const HarvestFacts& facts) {
  std::vector<Rotation> rotations;
  BatchScope rest;
  rest.rotation = ring.life.rotation;
  rest.key_from = ring.life.sealed_index;
  rest.flow_from = ring.life.flow_told;
  if (ring.life.seal_to > ring.life.sealed_index) {
    BatchScope unfinished = rest;
    unfinished.kind = BatchScope::Kind::kUnfinished;
    unfinished.key_to = ring.life.seal_to;
    unfinished.flow_to = 0;
    rotations.push_back({ReportRunningSession(ring, ring.life.seal_reference_ms), unfinished});
    rest.rotation = ring.life.rotation + 1;
    rest.key_from = ring.life.seal_to;
  }
  rotations.push_back({ReportSession(ring, facts), rest});
  return rotations;
}

std::vector<std::string> EncodeRotation(const RingContents& ring, const SessionReport& report,
                                        const BatchScope& scope) {
  const bool whole = scope.kind != BatchScope::Kind::kUnfinished;
  std::vector<std::string> records;
  for (const RingConnection& connection : ring.connections) {
    if (connection.open ? whole : TellsEnded(scope, connection)) {
      records.push_back(EncodeConnection(ring, report, connection));
    }
  }
  AppendEvents(ring, scope, &records);
  if (whole) AppendTotals(ring, scope, &records);

  const std::string session = EncodeSession(ring, report);
  const std::string losses = EncodeLosses(ring);
  const std::vector<size_t> ends = Cut(records);
  std::vector<std::string> bodies;
  size_t next = 0;
  for (uint32_t part = 0; part < ends.size(); ++part) {
    WireWriter id;
    id.Bytes(fields::batch_id::kSessionId, ring.identity.session_id.data(), ring.identity.session_id.size());
    id.Number(fields::batch_id::kRotation, scope.rotation);
    id.Number(fields::batch_id::kPart, part);
    WireWriter body;
    body.Message(fields::batch::kId, id.bytes());
    body.Number(fields::batch::kParts, ends.size());
    body.Message(fields::batch::kSession, session);
    for (; next < ends[part]; ++next) body.Append(records[next]);
    if (part == 0 && !losses.empty()) body.Message(fields::batch::kLosses, losses);
    body.Number(fields::batch::kReferenceMs, report.ended_ms);
    bodies.push_back(body.Take());
  }
  return bodies;
}

}  // namespace whydrop
