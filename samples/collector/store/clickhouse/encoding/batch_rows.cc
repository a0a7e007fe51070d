#include "samples/collector/store/clickhouse/encoding/batch_rows.h"

#include <algorithm>
#include <vector>

#include "samples/collector/store/clickhouse/engine/keys.h"
#include "samples/collector/store/sender_limits.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr uint64_t kEndedRank = uint64_t{1} << 63;

// A client's session ends once, with the first word of it; a server's newest report holds.
uint64_t RankOf(const Batch& batch, uint64_t received_us) {
  const bool ended = batch.session.role == Role::kClient && batch.session.end != 0;
  return ended ? kEndedRank + (kEndedRank / 2 - std::min(received_us, kEndedRank / 2)) : batch.key.rotation;
}

void PutTags(const SessionInfo& info, RowWriter* row) {
  std::vector<std::string> keys, values;
  for (auto& [key, value] : TagsOf(info)) {
    keys.push_back(key);
    values.push_back(value);
  }
  row->Texts(keys).Texts(values);
}

std::string EncodeTail(const SessionInfo& info) {
  RowWriter tail;
  tail.Text(info.app_version).I32(info.platform).I32(info.end).U32(info.rotate_interval_ms);
  PutTags(info, &tail);
  return tail.Take();
}

uint64_t IdentityOf(const Batch& batch, uint64_t received_us) {
  return HashOf(RowWriter().Raw(BytesOf(batch.sha256)).U64(received_us).bytes());
}

// No two rows of one batch have the same.
uint64_t RowIdOf(uint64_t identity, const RecordRow& record) {
  const char kind = record.is_session ? 's' : (record.counted != 0 ? 't' : 'r');
  return HashOf(RowWriter().U64(identity).U32(record.number).U8(static_cast<uint64_t>(kind)).bytes());
}

}  // namespace

BatchRows::BatchRows(const Batch& batch, uint64_t received_us, uint32_t owner, SpooledBatch* out)
    : batch_(batch),
      session_id_(BytesOf(batch.key.session_id)),
      received_us_(received_us),
      owner_(owner),
      identity_(IdentityOf(batch, received_us)),
      out_(out),
      day_and_app_(RowWriter().Day(batch.received_unix_s).Text(batch.session.app_id).Take()),
      day_and_due_(RowWriter().Day(batch.received_unix_s).U64(received_us).Text(batch.session.app_id).Take()),
      session_tail_(EncodeTail(batch.session)) {}

RowWriter& BatchRows::Begin() { return row_.Clear().Raw(day_and_app_); }

void BatchRows::PutLabel(std::string_view app_id, std::string_view dimension, std::string_view value) {
  row_.Clear().Text(app_id).Text(dimension).Text(value);
  out_->Add(Table::kLabels, HashOf(app_id), row_.bytes());
}

void BatchRows::PutSession() {
  const SessionInfo& info = batch_.session;
  RowWriter& row = Begin();
  row.U8(info.role == Role::kServer).Fixed16(session_id_).U64(RankOf(batch_, received_us_)).U32(batch_.key.rotation);
  row.Time(batch_.received_unix_s).Time(PlaceUnixS(batch_, 0)).Time(PlaceUnixS(batch_, info.uptime_ms));
  row.Time(batch_.reference_unix_s).Text(info.app_version).I32(info.platform).Text(info.sdk_version).I32(info.end);
  row.I32(info.end_confidence).U32(info.crash_code).Text(info.crash_module).U64(info.crash_offset);
  row.Text(info.crash_report_id).U64(info.uptime_ms).U64(info.connections_opened).Text(info.boot_id);
  row.Text(info.machine_id).U32(info.rotate_interval_ms).U64(info.losses);
  PutTags(info, &row);
  out_->Add(Table::kSessions, HashOf(session_id_), row.bytes());
}

void BatchRows::PutRecord(const RecordRow& record) {
  const uint64_t key_hash = HashOf(record.join_key);
  RowWriter& row = Begin();
  row.Fixed16(record.join_key).U64(RowIdOf(identity_, record)).U64(received_us_);
  row.U8(batch_.session.role == Role::kServer).Fixed16(session_id_).U32(record.number).U32(batch_.key.rotation);
  row.U32(batch_.key.part).U8(record.has_token).U8(record.open).U8(record.recovered).U8(record.next_refused);
  row.U8(record.linked).U8(record.is_session).Text(record.endpoint).Text(record.network).Text(record.evidence);
  row.Time(record.at_s).U64(record.counted).I32(record.cause).Raw(session_tail_);
  out_->Add(Table::kRecords, key_hash, row.bytes());
  PutWorkFor(record.join_key, key_hash);
}

void BatchRows::PutLink(std::string_view link_key, std::string_view join_key) {
  Begin().Fixed16(link_key).U64(received_us_).U32(0).U8(0).U8(0).Text("").Fixed16(join_key);
  out_->Add(Table::kLinks, HashOf(link_key), row_.bytes());
}

void BatchRows::PutAttempt(std::string_view link_key, const ConnectionRecord& attempt) {
  RowWriter& row = Begin();
  row.Fixed16(link_key).U64(received_us_).U32(attempt.number).U8(attempt.open);
  row.U8(attempt.evidence.IsTrue(Field::established)).Text(attempt.evidence_bytes).Fixed16("");
  out_->Add(Table::kLinks, HashOf(link_key), row.bytes());
}

void BatchRows::PutWork(std::string_view join_key) { PutWorkFor(join_key, HashOf(join_key)); }

// In the shard of the key.
void BatchRows::PutWorkFor(std::string_view join_key, uint64_t key_hash) {
  row_.Clear().Raw(day_and_due_).Fixed16(join_key).U32(owner_).U8(0);
  out_->Add(Table::kWork, key_hash, row_.bytes());
}

}  // namespace whydrop::collector::clickhouse
