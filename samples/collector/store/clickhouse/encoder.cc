#include "samples/collector/store/clickhouse/encoder.h"

#include <algorithm>
#include <map>
#include <set>

#include "samples/collector/store/clickhouse/engine/keys.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr size_t kMaxSessionsKnown = 50000;
constexpr size_t kMaxTokensKnown = 1000000;
constexpr uint64_t kEndedRank = uint64_t{1} << 63;

std::string Name(const std::string& app_id, std::string_view rest) {
  std::string name = app_id;
  name.push_back('\0');
  return name.append(rest);
}

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

// The SDK tells all of a player's session in one batch, unless it has thousands of connections.
bool ComesInSeveral(const Batch& batch) {
  return batch.session.role == Role::kClient &&
         (batch.parts > 1 || batch.key.rotation != 0 || batch.key.part != 0 || batch.session.end == 0);
}

// Of several records with one number the first that tells an end holds, as it does among batches.
std::vector<const ConnectionRecord*> HeldRecords(const Batch& batch) {
  std::vector<const ConnectionRecord*> held;
  std::map<uint32_t, size_t> places;
  for (const ConnectionRecord& record : batch.connections) {
    const auto [known, added] = places.emplace(record.number, held.size());
    if (added) {
      held.push_back(&record);
    } else if (held[known->second]->open) {
      held[known->second] = &record;
    }
  }
  return held;
}

// Columns of `records` that differ between a connection record, a close total and a session.
struct RecordRow {
  std::string join_key;
  uint32_t number = 0;  // of a close total: its place in the batch
  bool has_token = false;
  bool open = false;
  bool recovered = false;
  bool next_refused = false;
  bool linked = false;
  bool is_session = false;
  std::string endpoint;
  std::string network;
  std::string evidence;
  int64_t at_s = 0;
  uint64_t counted = 0;
  Cause cause = 0;
};

// Work in the shard of `join_key`.
void PutWork(const Batch& batch, const std::string& join_key, uint64_t received_us, uint32_t owner, SpooledBatch* out) {
  RowWriter work;
  work.Day(batch.received_unix_s).U64(received_us).Text(batch.session.app_id).Fixed16(join_key).U32(owner).U8(0);
  out->rows.push_back({Table::kWork, HashOf(join_key), work.Take()});
}

void PutRecordRow(const Batch& batch, const RecordRow& record, uint64_t received_us, uint32_t owner,
                  SpooledBatch* out) {
  const SessionInfo& info = batch.session;
  const std::string identity = std::string(BytesOf(batch.sha256)) + std::to_string(record.number) +
                               (record.is_session     ? "s"
                                : record.counted != 0 ? "t"
                                                      : "r") +
                               std::to_string(received_us);
  RowWriter row;
  row.Day(batch.received_unix_s).Text(info.app_id).Fixed16(record.join_key).U64(HashOf(identity)).U64(received_us);
  row.U8(info.role == Role::kServer).Fixed16(BytesOf(batch.key.session_id)).U32(record.number).U32(batch.key.rotation);
  row.U32(batch.key.part)
      .U8(record.has_token)
      .U8(record.open)
      .U8(record.recovered)
      .U8(record.next_refused)
      .U8(record.linked)
      .U8(record.is_session)
      .Text(record.endpoint);
  row.Text(record.network).Text(record.evidence).Time(record.at_s).U64(record.counted).I32(record.cause);
  row.Text(info.app_version).I32(info.platform).I32(info.end).U32(info.rotate_interval_ms);
  PutTags(info, &row);
  out->rows.push_back({Table::kRecords, HashOf(record.join_key), row.Take()});
  PutWork(batch, record.join_key, received_us, owner, out);
}

// A row of `links`. Without an attempt it says by which key the record of the connection is found.
void PutLink(const Batch& batch, const std::string& link_key, const std::string& join_key,
             const ConnectionRecord* attempt, uint64_t received_us, SpooledBatch* out) {
  RowWriter row;
  row.Day(batch.received_unix_s).Text(batch.session.app_id).Fixed16(link_key).U64(received_us);
  row.U32(attempt != nullptr ? attempt->number : 0).U8(attempt != nullptr && attempt->open);
  row.U8(attempt != nullptr && attempt->evidence.IsTrue(Field::established));
  row.Text(attempt != nullptr ? attempt->evidence_bytes : "").Fixed16(join_key);
  out->rows.push_back({Table::kLinks, HashOf(link_key), row.Take()});
}

}  // namespace

StoreVerdict Encoder::Encode(Batch* batch, SpooledBatch* out) {
  const std::string& app_id = batch->session.app_id;
  const std::string name = Name(app_id, BytesOf(batch->key.session_id));
  const uint64_t place = uint64_t{batch->key.rotation} << 32 | batch->key.part;
  if (const auto known = sessions_.find(name); known != sessions_.end()) {
    if (known->second.role != batch->session.role) return StoreVerdict::kConflict;
    if (const auto same = known->second.batches.find(place); same != known->second.batches.end()) {
      return same->second == batch->sha256 ? StoreVerdict::kDuplicate : StoreVerdict::kConflict;
    }
  }
  if (!labels_.AdmitApp(app_id)) return StoreVerdict::kConflict;
  if (sessions_.size() >= kMaxSessionsKnown) sessions_.clear();
  KnownSession& session = sessions_[name];
  session.role = batch->session.role;
  session.batches[place] = batch->sha256;

  labels_.Fold(batch);
  for (const Label& label : labels_.TakeNew()) {
    RowWriter row;
    row.Text(label.app_id).Text(label.dimension).Text(label.value);
    out->rows.push_back({Table::kLabels, HashOf(label.app_id), row.Take()});
  }
  received_us_ = stamps_->Next(batch->received_unix_s);
  out->received_s = batch->received_unix_s;
  PutSession(*batch, out);
  PutRecords(*batch, &session, out);
  PutCloseTotals(*batch, &session, out);
  return StoreVerdict::kAccepted;
}

void Encoder::Forget() {
  sessions_.clear();
  labels_.Forget();
}

bool Encoder::TakesMore(const Batch& batch, KnownSession* session, uint64_t count) {
  if (batch.session.role == Role::kClient && session->contributed + count > kMaxClientConnections) {
    metrics_->Add(Counter::kRecordsOverLimit, count);
    return false;
  }
  session->contributed += count;
  return true;
}

void Encoder::PutSession(const Batch& batch, SpooledBatch* out) {
  const SessionInfo& info = batch.session;
  const std::string_view session_id = BytesOf(batch.key.session_id);
  RowWriter row;
  row.Day(batch.received_unix_s).Text(info.app_id).U8(info.role == Role::kServer).Fixed16(session_id);
  row.U64(RankOf(batch, received_us_)).U32(batch.key.rotation).Time(batch.received_unix_s).Time(PlaceUnixS(batch, 0));
  row.Time(PlaceUnixS(batch, info.uptime_ms)).Time(batch.reference_unix_s).Text(info.app_version).I32(info.platform);
  row.Text(info.sdk_version).I32(info.end).I32(info.end_confidence).U32(info.crash_code).Text(info.crash_module);
  row.U64(info.crash_offset).Text(info.crash_report_id).U64(info.uptime_ms).U64(info.connections_opened);
  row.Text(info.boot_id).Text(info.machine_id).U32(info.rotate_interval_ms).U64(info.losses);
  PutTags(info, &row);
  out->rows.push_back({Table::kSessions, HashOf(session_id), row.Take()});
  if (info.role != Role::kClient) return;
  // To be counted: as with a connection, the first word of its end holds, and the newest one while there is none.
  RecordRow counted;
  counted.join_key = KeyInSession(info.role, session_id, "session");
  counted.is_session = true;
  counted.open = info.end == 0;
  counted.at_s = PlaceUnixS(batch, info.uptime_ms);
  counted.counted = 1;
  counted.cause = info.end;
  PutRecordRow(batch, counted, received_us_, owner_, out);
}

bool Encoder::IsOverused(const std::string& app_id, const std::string& token) {
  if (tokens_.size() >= kMaxTokensKnown) tokens_.clear();
  return ++tokens_[Name(app_id, token)] > kMaxTokenShared;
}

void Encoder::PutRecords(const Batch& batch, KnownSession* session, SpooledBatch* out) {
  const std::vector<const ConnectionRecord*> records = HeldRecords(batch);
  // A reconnect is looked for in the same batch, and by links if there are others.
  std::set<uint32_t> recovered;
  std::map<uint32_t, const ConnectionRecord*> next;
  for (const ConnectionRecord* record : records) {
    if (record->previous == 0) continue;
    if (record->evidence.IsTrue(Field::established)) recovered.insert(record->previous);
    const ConnectionRecord*& first = next[record->previous];
    if (first == nullptr || record->number < first->number) first = record;
  }
  for (const ConnectionRecord* held : records) {
    const ConnectionRecord& record = *held;
    if (!TakesMore(batch, session, 1)) continue;
    RecordRow row;
    row.has_token = !record.token_hash.empty();
    if (row.has_token && IsOverused(batch.session.app_id, record.token_hash)) {
      metrics_->Add(Counter::kTokensOverused);
      row.has_token = false;
    }
    const std::string link_key = KeyOfConnection(batch.session.role, BytesOf(batch.key.session_id), record.number);
    row.join_key = row.has_token ? record.token_hash : link_key;
    row.number = record.number;
    row.open = record.open;
    row.recovered = recovered.count(record.number) != 0;
    const auto attempt = next.find(record.number);
    row.next_refused = attempt != next.end() && IsRefusedAfter(record.evidence, attempt->second->evidence);
    row.endpoint = record.endpoint;
    row.network = record.network;
    row.evidence = record.evidence_bytes;
    row.at_s = EndedUnixS(batch, record);
    row.linked = ComesInSeveral(batch);
    if (row.linked) PutLinks(batch, record, link_key, row.join_key, out);
    PutRecordRow(batch, row, received_us_, owner_, out);
    metrics_->Add(Counter::kRecords);
  }
}

// Whichever of two linked connections comes later has the earlier one judged again.
void Encoder::PutLinks(const Batch& batch, const ConnectionRecord& record, const std::string& link_key,
                       const std::string& join_key, SpooledBatch* out) {
  if (link_key != join_key) {
    PutLink(batch, link_key, join_key, nullptr, received_us_, out);
    PutWork(batch, link_key, received_us_, owner_, out);
  }
  if (record.previous == 0) return;
  const std::string previous = KeyOfConnection(batch.session.role, BytesOf(batch.key.session_id), record.previous);
  PutLink(batch, previous, "", &record, received_us_, out);
  PutWork(batch, previous, received_us_, owner_, out);
}

void Encoder::PutCloseTotals(const Batch& batch, KnownSession* session, SpooledBatch* out) {
  uint32_t place = 0;
  for (const CloseTotalRecord& total : batch.close_totals) {
    ++place;
    if (total.count == 0 || !TakesMore(batch, session, total.count)) continue;
    RecordRow row;
    row.number = place;
    row.join_key = KeyInSession(batch.session.role, BytesOf(batch.key.session_id),
                                "total " + std::to_string(batch.key.rotation) + " " + std::to_string(batch.key.part) +
                                    " " + std::to_string(place));
    row.endpoint = total.endpoint;
    row.at_s = PlaceUnixS(batch, total.last_ms);
    row.counted = total.count;
    row.cause = IsKnownCause(total.cause) ? total.cause : WHYDROP_CAUSE_UNKNOWN;
    PutRecordRow(batch, row, received_us_, owner_, out);
  }
}

}  // namespace whydrop::collector::clickhouse
