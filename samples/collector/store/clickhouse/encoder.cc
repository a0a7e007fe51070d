#include "samples/collector/store/clickhouse/encoder.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/sha256.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr size_t kMaxApps = 1000;
constexpr size_t kMaxLabels = 1000;  // values of one dimension of one app
constexpr size_t kMaxTagKeys = 64;
constexpr uint32_t kMaxTokenShared = 64;
constexpr uint64_t kMaxClientConnections = 100000;
constexpr size_t kMaxSessionsKnown = 50000;
constexpr size_t kMaxTokensKnown = 1000000;
constexpr const char* kOther = "(other)";
constexpr uint64_t kEndedRank = uint64_t{1} << 63;

template <size_t N>
std::string_view View(const std::array<uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
  return value ^ (value >> 31);
}

std::string Name(const std::string& app_id, std::string_view rest) {
  std::string name = app_id;
  name.push_back('\0');
  return name.append(rest);
}

// A connection without a token is found again by what nobody else has: its session and its number.
std::string KeyWithoutToken(const Batch& batch, const std::string& what) {
  Sha256 hash;
  const std::string_view session = View(batch.key.session_id);
  const std::string role = batch.session.role == Role::kServer ? "server" : "client";
  hash.Update(session.data(), session.size());
  hash.Update(role.data(), role.size());
  hash.Update(what.data(), what.size());
  const auto digest = hash.Finish();
  return std::string(reinterpret_cast<const char*>(digest.data()), 16);
}

// A client's session ends once, with the first word of it; a server's newest report holds.
uint64_t RankOf(const Batch& batch, uint64_t received_us) {
  const bool ended = batch.session.role == Role::kClient && batch.session.end != 0;
  return ended ? kEndedRank + (kEndedRank / 2 - std::min(received_us, kEndedRank / 2)) : batch.key.rotation;
}

std::vector<std::string> TagKeys(const SessionInfo& info) {
  std::vector<std::string> keys;
  for (const auto& tag : info.tags) keys.push_back(tag.first);
  return keys;
}

std::vector<std::string> TagValues(const SessionInfo& info) {
  std::vector<std::string> values;
  for (const auto& tag : info.tags) values.push_back(tag.second);
  return values;
}

// Columns of `records` that differ between a connection record and a close total.
struct RecordRow {
  std::string join_key;
  uint32_t number = 0;  // of a close total: its place in the batch
  bool has_token = false;
  bool open = false;
  bool recovered = false;
  bool next_refused = false;
  std::string endpoint;
  std::string network;
  std::string evidence;
  int64_t at_s = 0;
  uint64_t counted = 0;
  Cause cause = 0;
};

void PutRecordRow(const Batch& batch, const RecordRow& record, uint64_t received_us, uint32_t owner,
                  SpooledBatch* out) {
  const SessionInfo& info = batch.session;
  const std::string identity = std::string(View(batch.sha256)) + std::to_string(record.number) +
                               (record.counted != 0 ? "t" : "r") + std::to_string(received_us);
  RowWriter row;
  row.Day(batch.received_unix_s).Text(info.app_id).Fixed16(record.join_key).U64(HashOf(identity)).U64(received_us);
  row.U8(info.role == Role::kServer).Fixed16(View(batch.key.session_id)).U32(record.number).U32(batch.key.rotation);
  row.U32(batch.key.part)
      .U8(record.has_token)
      .U8(record.open)
      .U8(record.recovered)
      .U8(record.next_refused)
      .Text(record.endpoint);
  row.Text(record.network).Text(record.evidence).Time(record.at_s).U64(record.counted).I32(record.cause);
  row.Text(info.app_version).I32(info.platform).I32(info.end).U32(info.rotate_interval_ms);
  row.Texts(TagKeys(info)).Texts(TagValues(info));
  const uint64_t shard_key = HashOf(record.join_key);
  out->rows.push_back({Table::kRecords, shard_key, row.Take()});
  RowWriter work;
  work.Day(batch.received_unix_s).U64(received_us).Text(info.app_id);
  out->rows.push_back({Table::kWork, shard_key, work.Fixed16(record.join_key).U32(owner).U8(0).Take()});
}

}  // namespace

uint64_t HashOf(std::string_view bytes) {
  uint64_t hash = bytes.size();
  for (size_t at = 0; at < bytes.size(); at += 8) {
    uint64_t word = 0;
    for (const char c : bytes.substr(at, 8)) word = word << 8 | static_cast<uint8_t>(c);
    hash = Mix(hash ^ word) + 0x9e3779b97f4a7c15ull;
  }
  return Mix(hash);
}

StoreVerdict Encoder::Encode(Batch* batch, SpooledBatch* out) {
  const std::string& app_id = batch->session.app_id;
  const std::string name = Name(app_id, View(batch->key.session_id));
  const uint64_t place = uint64_t{batch->key.rotation} << 32 | batch->key.part;
  if (const auto known = sessions_.find(name); known != sessions_.end()) {
    if (known->second.role != batch->session.role) return StoreVerdict::kConflict;
    if (const auto same = known->second.batches.find(place); same != known->second.batches.end()) {
      return same->second == batch->sha256 ? StoreVerdict::kDuplicate : StoreVerdict::kConflict;
    }
  }
  std::string app = app_id;
  if (!Admit("", "app", &app, kMaxApps, out)) return StoreVerdict::kConflict;
  if (sessions_.size() >= kMaxSessionsKnown) sessions_.clear();
  KnownSession& session = sessions_[name];
  session.role = batch->session.role;
  session.batches[place] = batch->sha256;

  FoldLabels(batch, out);
  received_us_ = stamps_->Next(batch->received_unix_s);
  out->received_s = batch->received_unix_s;
  PutSession(*batch, out);
  PutRecords(*batch, &session, out);
  PutCloseTotals(*batch, &session, out);
  return StoreVerdict::kAccepted;
}

void Encoder::Learn(const std::vector<Label>& labels) {
  for (const Label& label : labels) labels_[Name(label.app_id, label.dimension)].insert(label.value);
}

void Encoder::Forget() {
  sessions_.clear();
  labels_.clear();
}

// True if the value may be kept; else it becomes "(other)".
bool Encoder::Admit(const std::string& app_id, const std::string& dimension, std::string* value, size_t limit,
                    SpooledBatch* out) {
  if (value->empty()) return true;
  std::unordered_set<std::string>& known = labels_[Name(app_id, dimension)];
  if (known.count(*value) != 0) return true;
  if (known.size() >= limit) {
    metrics_->Add(Counter::kLabelsFolded);
    *value = kOther;
    return false;
  }
  known.insert(*value);
  out->rows.push_back({Table::kLabels, HashOf(app_id), RowWriter().Text(app_id).Text(dimension).Text(*value).Take()});
  return true;
}

void Encoder::FoldLabels(Batch* batch, SpooledBatch* out) {
  const std::string& app_id = batch->session.app_id;
  const bool client = batch->session.role == Role::kClient;
  Admit(app_id, client ? "app_version" : "server_version", &batch->session.app_version, kMaxLabels, out);
  for (auto& [key, value] : batch->session.tags) {
    if (Admit(app_id, "tag", &key, kMaxTagKeys, out)) Admit(app_id, "tag:" + key, &value, kMaxLabels, out);
  }
  for (ConnectionRecord& record : batch->connections) {
    Admit(app_id, "endpoint", &record.endpoint, kMaxLabels, out);
    Admit(app_id, "network", &record.network, kMaxLabels, out);
  }
  for (CloseTotalRecord& total : batch->close_totals) {
    Admit(app_id, "endpoint", &total.endpoint, kMaxLabels, out);
  }
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
  const std::string_view session_id = View(batch.key.session_id);
  RowWriter row;
  row.Day(batch.received_unix_s).Text(info.app_id).U8(info.role == Role::kServer).Fixed16(session_id);
  row.U64(RankOf(batch, received_us_)).U32(batch.key.rotation).Time(batch.received_unix_s).Time(PlaceUnixS(batch, 0));
  row.Time(PlaceUnixS(batch, info.uptime_ms)).Time(batch.reference_unix_s).Text(info.app_version).I32(info.platform);
  row.Text(info.sdk_version).I32(info.end).I32(info.end_confidence).U32(info.crash_code).Text(info.crash_module);
  row.U64(info.crash_offset).Text(info.crash_report_id).U64(info.uptime_ms).U64(info.connections_opened);
  row.Text(info.boot_id).Text(info.machine_id).U32(info.rotate_interval_ms).U64(info.losses);
  row.Texts(TagKeys(info)).Texts(TagValues(info));
  out->rows.push_back({Table::kSessions, HashOf(session_id), row.Take()});
}

bool Encoder::IsOverused(const std::string& app_id, const std::string& token) {
  if (tokens_.size() >= kMaxTokensKnown) tokens_.clear();
  return ++tokens_[Name(app_id, token)] > kMaxTokenShared;
}

void Encoder::PutRecords(const Batch& batch, KnownSession* session, SpooledBatch* out) {
  // A session's connections come in one batch, or in parts of thousands: a reconnect is looked for in its own part.
  std::set<uint32_t> recovered;
  std::map<uint32_t, const ConnectionRecord*> next;
  for (const ConnectionRecord& record : batch.connections) {
    if (record.previous == 0) continue;
    if (record.evidence.IsTrue(Field::established)) recovered.insert(record.previous);
    const ConnectionRecord*& first = next[record.previous];
    if (first == nullptr || record.number < first->number) first = &record;
  }
  for (const ConnectionRecord& record : batch.connections) {
    if (!TakesMore(batch, session, 1)) continue;
    RecordRow row;
    row.has_token = !record.token_hash.empty();
    if (row.has_token && IsOverused(batch.session.app_id, record.token_hash)) {
      metrics_->Add(Counter::kTokensOverused);
      row.has_token = false;
    }
    row.join_key = row.has_token ? record.token_hash : KeyWithoutToken(batch, std::to_string(record.number));
    const Evidence& evidence = record.evidence;
    const int64_t ended_ms = evidence.GetOr(Field::ended_ms, evidence.GetOr(Field::failure_ms, INT64_MAX));
    row.number = record.number;
    row.open = record.open;
    row.recovered = recovered.count(record.number) != 0;
    const auto attempt = next.find(record.number);
    row.next_refused = attempt != next.end() && IsRefusedAfter(evidence, attempt->second->evidence);
    row.endpoint = record.endpoint;
    row.network = record.network;
    row.evidence = record.evidence_bytes;
    row.at_s = PlaceUnixS(batch, static_cast<uint64_t>(ended_ms));
    PutRecordRow(batch, row, received_us_, owner_, out);
    metrics_->Add(Counter::kRecords);
  }
}

void Encoder::PutCloseTotals(const Batch& batch, KnownSession* session, SpooledBatch* out) {
  uint32_t place = 0;
  for (const CloseTotalRecord& total : batch.close_totals) {
    ++place;
    if (total.count == 0 || !TakesMore(batch, session, total.count)) continue;
    RecordRow row;
    row.number = place;
    row.join_key = KeyWithoutToken(batch, "total " + std::to_string(batch.key.rotation) + " " +
                                              std::to_string(batch.key.part) + " " + std::to_string(place));
    row.endpoint = total.endpoint;
    row.at_s = PlaceUnixS(batch, total.last_ms);
    row.counted = total.count;
    row.cause = IsKnownCause(total.cause) ? total.cause : WHYDROP_CAUSE_UNKNOWN;
    PutRecordRow(batch, row, received_us_, owner_, out);
  }
}

}  // namespace whydrop::collector::clickhouse
