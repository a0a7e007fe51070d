#include "samples/collector/store/clickhouse/encoding/encoder.h"

#include <algorithm>
#include <map>
#include <set>

#include "samples/collector/store/clickhouse/engine/keys.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr size_t kMaxSessionsKnown = 50000;
constexpr size_t kRecordBytes = 320;  // of a usual record's rows, and some more

std::string Name(const std::string& app_id, std::string_view rest) {
  std::string name = app_id;
  name.push_back('\0');
  return name.append(rest);
}

// The SDK tells all of a player's session in one batch, unless it has thousands of connections.
bool ComesInSeveral(const Batch& batch) {
  return batch.session.role == Role::kClient &&
         (batch.parts > 1 || batch.key.rotation != 0 || batch.key.part != 0 || batch.session.end == 0);
}

// By number. Of several records with one number the first that tells an end holds, and the last if none does, as it is
// among batches.
std::vector<const ConnectionRecord*> HeldRecords(const Batch& batch) {
  std::vector<const ConnectionRecord*> held;
  held.reserve(batch.connections.size());
  for (const ConnectionRecord& record : batch.connections) held.push_back(&record);
  std::sort(held.begin(), held.end(), [](const ConnectionRecord* a, const ConnectionRecord* b) {
    if (a->number != b->number) return a->number < b->number;
    if (a->open != b->open) return b->open;
    return a->open ? a > b : a < b;
  });
  const auto same = [](const ConnectionRecord* a, const ConnectionRecord* b) { return a->number == b->number; };
  held.erase(std::unique(held.begin(), held.end(), same), held.end());
  return held;
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
  out->received_s = batch->received_unix_s;
  out->Reserve(batch->connections.size() * kRecordBytes);
  BatchRows rows(*batch, stamps_->Next(batch->received_unix_s), owner_, out);
  for (const Label& label : labels_.TakeNew()) rows.PutLabel(label.app_id, label.dimension, label.value);
  rows.PutSession();
  if (batch->session.role == Role::kClient) PutClientSession(*batch, &rows);
  PutConnections(*batch, &session, &rows);
  PutCloseTotals(*batch, &session, &rows);
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

// To be counted: as with a connection, the first word of its end holds, and the newest one while there is none.
void Encoder::PutClientSession(const Batch& batch, BatchRows* rows) {
  const SessionInfo& info = batch.session;
  const std::string join_key = KeyInSession(info.role, BytesOf(batch.key.session_id), "session");
  RecordRow row;
  row.join_key = join_key;
  row.is_session = true;
  row.open = info.end == 0;
  row.at_s = PlaceUnixS(batch, info.uptime_ms);
  row.counted = 1;
  row.cause = info.end;
  rows->PutRecord(row);
}

void Encoder::PutConnections(const Batch& batch, KnownSession* session, BatchRows* rows) {
  const std::vector<const ConnectionRecord*> records = HeldRecords(batch);
  // A reconnect is looked for in the same batch, and by links if there are others.
  std::set<uint32_t> recovered;
  std::map<uint32_t, const ConnectionRecord*> next;
  for (const ConnectionRecord* record : records) {
    if (record->previous == 0) continue;
    if (record->evidence.IsTrue(Field::established)) recovered.insert(record->previous);
    next.emplace(record->previous, record);
  }
  const uint64_t app_hash = HashOf(batch.session.app_id);
  const bool linked = ComesInSeveral(batch);
  for (const ConnectionRecord* held : records) {
    const ConnectionRecord& record = *held;
    if (!TakesMore(batch, session, 1)) continue;
    RecordRow row;
    row.has_token = !record.token_hash.empty();
    if (row.has_token && tokens_.IsTooMuch(app_hash ^ HashOf(record.token_hash))) {
      metrics_->Add(Counter::kTokensOverused);
      row.has_token = false;
    }
    std::string key;
    if (!row.has_token) key = KeyOfConnection(batch.session.role, BytesOf(batch.key.session_id), record.number);
    row.join_key = row.has_token ? record.token_hash : key;
    row.number = record.number;
    row.open = record.open;
    row.recovered = recovered.count(record.number) != 0;
    const auto attempt = next.find(record.number);
    row.next_refused = attempt != next.end() && IsRefusedAfter(record.evidence, attempt->second->evidence);
    row.endpoint = record.endpoint;
    row.network = record.network;
    row.evidence = record.evidence_bytes;
    row.at_s = EndedUnixS(batch, record);
    row.linked = linked;
    if (linked) PutLinks(batch, record, row.join_key, rows);
    rows->PutRecord(row);
    metrics_->Add(Counter::kRecords);
  }
}

// Whichever of two linked connections comes later has the earlier one judged again.
void Encoder::PutLinks(const Batch& batch, const ConnectionRecord& record, std::string_view join_key, BatchRows* rows) {
  const auto key_of = [&batch](uint32_t number) {
    return KeyOfConnection(batch.session.role, BytesOf(batch.key.session_id), number);
  };
  const std::string link_key = key_of(record.number);
  if (link_key != join_key) {
    rows->PutLink(link_key, join_key);
    rows->PutWork(link_key);
  }
  if (record.previous == 0) return;
  const std::string previous = key_of(record.previous);
  rows->PutAttempt(previous, record);
  rows->PutWork(previous);
}

void Encoder::PutCloseTotals(const Batch& batch, KnownSession* session, BatchRows* rows) {
  uint32_t place = 0;
  for (const CloseTotalRecord& total : batch.close_totals) {
    ++place;
    if (total.count == 0 || !TakesMore(batch, session, total.count)) continue;
    const std::string join_key = KeyInSession(batch.session.role, BytesOf(batch.key.session_id),
                                              "total " + std::to_string(batch.key.rotation) + " " +
                                                  std::to_string(batch.key.part) + " " + std::to_string(place));
    RecordRow row;
    row.number = place;
    row.join_key = join_key;
    row.endpoint = total.endpoint;
    row.at_s = PlaceUnixS(batch, total.last_ms);
    row.counted = total.count;
    row.cause = IsKnownCause(total.cause) ? total.cause : WHYDROP_CAUSE_UNKNOWN;
    rows->PutRecord(row);
  }
}

}  // namespace whydrop::collector::clickhouse
