#include "samples/collector/ingest/batch_decoder.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cstring>

#include "core/cause.h"
#include "core/labels.h"
#include "samples/collector/model/body_hash.h"
#include "samples/collector/model/evidence_message.h"
#include "whydrop/v1/batch.pb.h"

namespace whydrop::collector {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

CodedInputStream MakeStream(std::string_view body) {
  return CodedInputStream(reinterpret_cast<const uint8_t*>(body.data()), static_cast<int>(body.size()));
}

// Fields of the batch beside its records, and of its session: known ones are some fifty.
constexpr size_t kMaxOtherFields = 256;

constexpr size_t kMaxArenaBlockBytes = 64 * 1024;

struct FieldCounts {
  size_t records = 0;
  size_t others = 0;
};

bool CountSessionFields(CodedInputStream* stream, FieldCounts* counts) {
  uint32_t size = 0;
  if (!stream->ReadVarint32(&size)) return false;
  const CodedInputStream::Limit outside = stream->PushLimit(static_cast<int>(std::min<uint32_t>(size, INT32_MAX)));
  while (const uint32_t tag = stream->ReadTag()) {
    ++counts->others;
    if (!WireFormatLite::SkipField(stream, tag)) return false;
  }
  const bool whole = stream->ConsumedEntireMessage();
  stream->PopLimit(outside);
  return whole;
}

// Counts before anything is allocated: two bytes on the wire become some hundred in memory.
bool CountFields(std::string_view body, FieldCounts* counts) {
  CodedInputStream stream = MakeStream(body);
  stream.SetRecursionLimit(kMaxNesting);
  constexpr uint32_t kSessionTag = v1::Batch::kSessionFieldNumber << 3 | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  while (const uint32_t tag = stream.ReadTag()) {
    const int number = WireFormatLite::GetTagFieldNumber(tag);
    const bool record = number >= v1::Batch::kConnectionsFieldNumber && number <= v1::Batch::kCloseTotalsFieldNumber;
    ++(record ? counts->records : counts->others);
    if (!(tag == kSessionTag ? CountSessionFields(&stream, counts) : WireFormatLite::SkipField(&stream, tag))) {
      return false;
    }
  }
  return stream.ConsumedEntireMessage();
}

bool IsOptionalLabel(const std::string& text) { return text.empty() || IsLabel(text.data(), text.size()); }

bool IsHash(const std::string& bytes) { return bytes.empty() || bytes.size() == 16; }

const char* CheckSession(const v1::Session& session) {
  if (!IsAppVersion(session.app_version().data(), session.app_version().size())) return "session.app_version";
  if (session.role() != v1::CLIENT && session.role() != v1::SERVER) return "session.role";
  const std::string& sdk = session.sdk_version();
  if (sdk.size() > kMaxVersionBytes || !IsPrintableAscii(sdk.data(), sdk.size())) return "session.sdk_version";
  if (session.tags_size() > static_cast<int>(kMaxTags)) return "session.tags: more than 16";
  for (const v1::Tag& tag : session.tags()) {
    if (!IsTagKey(tag.key().data(), tag.key().size())) return "session.tags.key";
    if (!IsTagValue(tag.value().data(), tag.value().size())) return "session.tags.value";
  }
  const v1::Crash& crash = session.crash();
  const std::string& module = crash.module();
  if (module.size() > kMaxModuleBytes || module.find_first_of("/\\") != std::string::npos ||
      !std::all_of(module.begin(), module.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20; })) {
    return "session.crash.module";
  }
  const std::string& report = crash.report_id();
  if (report.size() > kMaxReportIdBytes || !IsPrintableAscii(report.data(), report.size())) {
    return "session.crash.report_id";
  }
  if (!IsHash(session.boot_id())) return "session.boot_id";
  if (!IsHash(session.machine_id())) return "session.machine_id";
  return nullptr;
}

const char* CheckRecords(const v1::Batch& message) {
  for (const v1::Connection& connection : message.connections()) {
    if (connection.number() == 0) return "connection.number";
    if (!IsHash(connection.token_hash())) return "connection.token_hash";
    if (!IsOptionalLabel(connection.endpoint())) return "connection.endpoint";
    if (!IsOptionalLabel(connection.network())) return "connection.network";
  }
  for (const v1::CloseTotal& total : message.close_totals()) {
    if (!IsOptionalLabel(total.endpoint())) return "close_total.endpoint";
    if (total.count() > kMaxCloseTotal) return "close_total.count";
  }
  return nullptr;
}

void FillSession(const v1::Session& from, SessionInfo* to) {
  to->app_version = from.app_version();
  to->platform = static_cast<int32_t>(from.platform());
  to->sdk_version = from.sdk_version();
  for (const v1::Tag& tag : from.tags()) to->tags.emplace_back(tag.key(), tag.value());
  to->end = from.end();
  to->end_confidence = static_cast<int32_t>(from.end_confidence());
  to->uptime_ms = from.uptime_ms();
  to->crash_code = from.crash().code();
  to->crash_module = from.crash().module();
  to->crash_offset = from.crash().offset();
  to->crash_report_id = from.crash().report_id();
  to->connections_opened = from.connections_opened();
  to->boot_id = from.boot_id();
  to->machine_id = from.machine_id();
  to->rotate_interval_ms = from.rotate_interval_ms();
}

// Events that were overwritten and evidence that was cut leave the connection itself known.
uint64_t SumLosses(const v1::Losses& losses) {
  uint64_t sum = 0;
  for (const uint64_t count :
       {losses.events_dropped(), losses.connections_refused(), losses.slots_damaged(), losses.batches_dropped(),
        losses.batches_given_up(), losses.batches_rejected(), losses.rings_corrupt()}) {
    sum += std::min(count, kMaxCloseTotal);
  }
  return sum;
}

// What is not empty is moved; the message is not looked at again.
void FillRecord(v1::Connection* from, ConnectionRecord* to) {
  to->number = from->number();
  to->previous = from->previous();
  if (!from->token_hash().empty()) to->token_hash = std::move(*from->mutable_token_hash());
  if (!from->endpoint().empty()) to->endpoint = std::move(*from->mutable_endpoint());
  if (!from->network().empty()) to->network = std::move(*from->mutable_network());
  to->open = from->open();
  if (!from->has_evidence()) return;
  v1::Evidence* evidence = from->mutable_evidence();
  to->evidence = FromProto(*evidence);
  // Unknown fields are what a hostile or newer sender put there: they are not kept, whatever they are. The known ones
  // are numbers, so there is no message within that could hold others.
  const google::protobuf::Reflection& reflection = *evidence->GetReflection();
  if (!reflection.GetUnknownFields(*evidence).empty()) reflection.MutableUnknownFields(evidence)->Clear();
  to->evidence_bytes = evidence->SerializeAsString();
}

void FillRecords(v1::Batch* message, Batch* batch) {
  batch->connections.resize(static_cast<size_t>(message->connections_size()));
  auto to = batch->connections.begin();
  for (v1::Connection& from : *message->mutable_connections()) FillRecord(&from, &*to++);
  for (const v1::CloseTotal& from : message->close_totals()) {
    if (from.count() == 0) continue;
    batch->close_totals.push_back({from.endpoint(), from.cause(), from.count(), from.last_ms()});
  }
}

}  // namespace

DecodeResult DecodeBatch(std::string_view body, Batch* batch, std::string* error) {
  // libprotobuf would write a line to stderr for every string that is no UTF-8, at the pace of the sender.
  static const bool quiet = (google::protobuf::SetLogHandler(nullptr), true);
  (void)quiet;
  FieldCounts counts;
  // Two messages and some strings for each record would be as many allocations, and as many to free.
  google::protobuf::ArenaOptions options;
  options.max_block_size = kMaxArenaBlockBytes;
  google::protobuf::Arena arena(options);
  auto& message = *google::protobuf::Arena::CreateMessage<v1::Batch>(&arena);
  CodedInputStream stream = MakeStream(body);
  stream.SetRecursionLimit(kMaxNesting);
  if (!CountFields(body, &counts)) {
    *error = "the body is not a whydrop.v1.Batch";
    return DecodeResult::kNotABatch;
  }
  if (counts.records > kMaxRecords || counts.others > kMaxOtherFields) {
    *error = "the batch holds " + std::to_string(counts.records) + " records and " + std::to_string(counts.others) +
             " other fields, at most " + std::to_string(kMaxRecords) + " and " + std::to_string(kMaxOtherFields) +
             " are taken";
    return DecodeResult::kTooManyRecords;
  }
  if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    *error = "the body is not a whydrop.v1.Batch, or nested deeper than 4";
    return DecodeResult::kNotABatch;
  }
  const std::string& app_id = message.session().app_id();
  if (message.id().session_id().size() != batch->key.session_id.size()) {
    *error = "id.session_id must have 16 bytes";
    return DecodeResult::kNotABatch;
  }
  if (!IsAppId(app_id.data(), app_id.size())) {
    *error = "session.app_id must be 1-64 of [a-z0-9._-] without a leading dot";
    return DecodeResult::kNotABatch;
  }
  std::memcpy(batch->key.session_id.data(), message.id().session_id().data(), batch->key.session_id.size());
  batch->key.rotation = message.id().rotation();
  batch->key.part = message.id().part();
  batch->parts = message.parts();
  batch->sha256 = HashBody(body);
  batch->session.app_id = app_id;
  batch->session.role = message.session().role() == v1::SERVER ? Role::kServer : Role::kClient;

  const char* wrong = CheckSession(message.session());
  if (wrong == nullptr) wrong = CheckRecords(message);
  if (wrong != nullptr) {
    *error = std::string("out of bounds: ") + wrong;
    return DecodeResult::kOutOfBounds;
  }
  batch->reference_ms = message.reference_ms();
  FillSession(message.session(), &batch->session);
  batch->session.losses = SumLosses(message.losses());
  FillRecords(&message, batch);
  return DecodeResult::kOk;
}

}  // namespace whydrop::collector
