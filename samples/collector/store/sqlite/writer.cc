#include "samples/collector/store/sqlite/writer.h"

#include <algorithm>
#include <map>

namespace whydrop::collector {
namespace {

constexpr int64_t kReviewedAtOnce = 5000;  // connections; ingest goes on in between
constexpr int64_t kMissedAtOnce = 4;       // servers, each with all that were open on it
constexpr int64_t kSilentClients = 2;

// What every end has of a session whose row says what the batch says.
StoredEnd EndOfSession(const Batch& batch, int64_t session, int64_t tag_set) {
  const SessionInfo& info = batch.session;
  StoredEnd end;
  end.session = session;
  end.tag_set = tag_set;
  end.role = info.role;
  end.app_id = info.app_id;
  end.received_s = batch.received_unix_s;
  end.view.session_id = BytesOf(batch.key.session_id);
  end.view.app_version = info.app_version;
  end.view.record.platform = info.platform;
  end.view.record.session_end = info.end;
  end.view.record.more_reports_follow = info.rotate_interval_ms != 0 && info.end == 0;
  return end;
}

// What the first batch of a session contributes to it, unless some of it is not taken.
int64_t Contribution(const Batch& batch) {
  uint64_t sum = batch.connections.size();
  for (const CloseTotalRecord& total : batch.close_totals) sum += total.count;
  return static_cast<int64_t>(sum);
}

}  // namespace

BatchWriter::BatchWriter(Database* db, uint32_t join_window_s, int64_t started_s, Metrics* metrics)
    : db_(db),
      metrics_(metrics),
      ends_(*db),
      labels_(db, metrics),
      counted_(db),
      find_batch_(*db, "SELECT sha256 FROM batches WHERE app_id = ? AND session_id = ? AND rotation = ? AND part = ?"),
      add_batch_(*db, "INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?, ?)"),
      find_session_(*db,
                    "SELECT id, role, contributed, rotation, end, replaced, ended_s, app_version, platform, tag_set, "
                    "(SELECT max(number) FROM records WHERE session = sessions.id) "
                    "FROM sessions WHERE app_id = ? AND session_id = ?"),
      add_session_(*db,
                   "INSERT INTO sessions (rotation, app_version, platform, sdk_version, end, end_confidence, code, "
                   "module, offset, report_id, uptime_ms, connections_opened, boot_id, machine_id, rotate_interval_ms, "
                   "ended_s, heard_s, losses, tag_set, app_id, session_id, role, started_s, "
                   "contributed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      update_session_(*db,
                      "UPDATE sessions SET rotation = ?, app_version = ?, platform = ?, sdk_version = ?, end = ?, "
                      "end_confidence = ?, code = ?, module = ?, offset = ?, report_id = ?, uptime_ms = ?, "
                      "connections_opened = ?, boot_id = ?, machine_id = ?, rotate_interval_ms = ?, ended_s = ?, "
                      "heard_s = ?, losses = max(losses, ?), tag_set = ?, replaced = 0 WHERE id = ?"),
      contribute_(*db, "UPDATE sessions SET contributed = ? WHERE id = ?"),
      silent_servers_(*db,
                      "SELECT id, boot_id <> ? FROM sessions WHERE role = 1 AND app_id = ? AND machine_id = ? AND "
                      "id <> ? AND end = 0 AND replaced IN (0, 3) AND rotate_interval_ms > 0 AND ended_s <= ? AND "
                      "ended_s + 3 * rotate_interval_ms / 1000 <= ?"),
      set_replaced_(*db, "UPDATE sessions SET replaced = ? WHERE id = ?"),
      open_records_(*db, "SELECT id, token_hash FROM records WHERE session = ? AND open = 1"),
      find_record_(*db, "SELECT id, token_hash, open, rotation FROM records WHERE session = ? AND number = ?"),
      count_token_(*db, "SELECT count(*) FROM records WHERE app_id = ? AND token_hash = ?"),
      add_record_(
          *db,
          "INSERT INTO records (token_hash, rotation, open, previous, established, endpoint, network, evidence, "
          "at_s, received_s, session, number, app_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      update_record_(*db,
                     "UPDATE records SET token_hash = ?, rotation = ?, open = ?, previous = ?, established = ?, "
                     "endpoint = ?, network = ?, evidence = ?, at_s = ?, received_s = ? WHERE id = ?"),
      previous_record_(*db, "SELECT id, token_hash FROM records WHERE session = ? AND number = ?"),
      any_previous_(*db,
                    "SELECT 1 FROM records INDEXED BY records_by_previous WHERE session = ? AND previous <> 0 LIMIT 1"),
      due_(*db,
           "SELECT r.id, r.app_id, r.token_hash FROM connections c JOIN records r ON r.id = c.record "
           "WHERE c.decided_s > 0 AND c.decided_s <= ? LIMIT ?"),
      missed_(*db,
              "SELECT id, app_id FROM sessions WHERE role = 1 AND end = 0 AND replaced = 0 AND rotate_interval_ms > 0 "
              "AND max(heard_s, ?) + 1 + 3 * rotate_interval_ms / 1000 < ? LIMIT ?"),
      silence_(*db,
               "SELECT s.app_id, sum(k.cause IN (400, 401, 406)), sum(k.cause = 506) FROM sessions s "
               "JOIN records r ON r.session = s.id AND r.open = 1 "
               "JOIN records c ON c.app_id = r.app_id AND c.token_hash = r.token_hash AND c.id <> r.id "
               "JOIN connections k ON k.record = c.id AND k.kind = 0 WHERE s.id = ? AND s.replaced = 3"),
      time_{started_s, join_window_s},
      started_s_(started_s) {}

StoreVerdict BatchWriter::Apply(Batch* batch) {
  const std::string& app_id = batch->session.app_id;
  SessionRow session = FindSession(*batch);
  if (session.known && session.role != batch->session.role) return StoreVerdict::kConflict;
  if (!labels_.AdmitApp(app_id)) return StoreVerdict::kConflict;
  add_batch_.TextInPlace(app_id).BlobInPlace(BytesOf(batch->key.session_id)).Int(batch->key.rotation);
  add_batch_.Int(batch->key.part).BlobInPlace(BytesOf(batch->sha256)).Int(batch->received_unix_s).Execute();
  if (db_->Changes() == 0) return IsKnown(*batch) ? StoreVerdict::kDuplicate : StoreVerdict::kConflict;

  labels_.Fold(batch);
  time_.now_s = batch->received_unix_s;
  Touched touched;
  PutSession(*batch, &session, &touched);
  for (const ConnectionRecord& record : batch->connections) PutRecord(*batch, record, &session, &touched);
  PutCloseTotals(*batch, &session);
  if (session.contributed != session.stored_contributed) contribute_.Int(session.contributed).Int(session.id).Execute();
  JudgeAdded(*batch, session, &touched);
  JudgeTouched(app_id, touched);
  JudgeSilentHosts();
  return StoreVerdict::kAccepted;
}

// As it is, of a batch whose id is known.
bool BatchWriter::IsKnown(const Batch& batch) {
  const ScopedReset reset(&find_batch_);
  find_batch_.TextInPlace(batch.session.app_id).BlobInPlace(BytesOf(batch.key.session_id));
  return find_batch_.Int(batch.key.rotation).Int(batch.key.part).Step() &&
         find_batch_.TextAt(0) == BytesOf(batch.sha256);
}

void BatchWriter::Forget() {
  labels_.Forget();
  counted_.Forget();
}

void BatchWriter::JudgeTouched(const std::string& app_id, const Touched& touched) {
  for (const std::string& token_hash : touched.token_hashes) JudgeToken(app_id, token_hash);
  for (const int64_t record : touched.records) JudgeRecord(record);
}

bool BatchWriter::NeedsReview(int64_t now_s) {
  if (now_s == reviewed_s_) return false;
  reviewed_s_ = now_s;
  started_s_ = std::min(started_s_, now_s);  // the clock was set back
  const ScopedReset due(&due_);
  const ScopedReset missed(&missed_);
  return due_.Int(now_s).Int(1).Step() || missed_.Int(started_s_).Int(now_s).Int(1).Step();
}

bool BatchWriter::Review(int64_t now_s) {
  time_.now_s = now_s;
  const bool more_due = JudgeDue();
  const bool more_missed = MissSilentServers();
  JudgeSilentHosts();
  return more_due || more_missed;
}

bool BatchWriter::JudgeDue() {
  std::map<std::string, Touched> touched;
  int64_t due = 0;
  {
    const ScopedReset reset(&due_);
    due_.Int(time_.now_s).Int(kReviewedAtOnce);
    for (; due_.Step(); ++due) touched[due_.TextAt(1)].token_hashes.insert(due_.TextAt(2));
  }
  for (const auto& [app_id, of_app] : touched) JudgeTouched(app_id, of_app);
  return due == kReviewedAtOnce;
}

// Should one report after all, the mark is taken back.
bool BatchWriter::MissSilentServers() {
  std::vector<std::pair<int64_t, std::string>> missed;
  {
    const ScopedReset reset(&missed_);
    missed_.Int(started_s_).Int(time_.now_s).Int(kMissedAtOnce);
    while (missed_.Step()) missed.emplace_back(missed_.IntAt(0), missed_.TextAt(1));
  }
  for (const auto& [session, app_id] : missed) {
    set_replaced_.Int(static_cast<int32_t>(Replaced::kSilent)).Int(session).Execute();
    Touched touched;
    TouchOpenRecords(session, &touched);
    JudgeTouched(app_id, touched);
  }
  return missed.size() == static_cast<size_t>(kMissedAtOnce);
}

// A process that dies leaves a system that resets its connections; where a silent server's players mostly heard
// nothing, its whole machine is gone.
void BatchWriter::JudgeSilentHosts() {
  const std::set<int64_t> suspected = std::move(suspected_hosts_);
  suspected_hosts_.clear();
  for (const int64_t session : suspected) {
    counted_.Flush();
    silence_.Int(session).Step();
    const std::string app_id = silence_.TextAt(0);
    const bool host = silence_.IntAt(1) >= kSilentClients && silence_.IntAt(1) > silence_.IntAt(2);
    silence_.Reset();
    if (!host) continue;
    set_replaced_.Int(static_cast<int32_t>(Replaced::kHost)).Int(session).Execute();
    Touched touched;
    TouchOpenRecords(session, &touched);
    JudgeTouched(app_id, touched);
  }
}

BatchWriter::SessionRow BatchWriter::FindSession(const Batch& batch) {
  const std::string& app_id = batch.session.app_id;
  SessionRow row;
  const ScopedReset reset(&find_session_);
  find_session_.TextInPlace(app_id).BlobInPlace(BytesOf(batch.key.session_id));
  row.known = find_session_.Step();
  if (!row.known) return row;
  row.id = find_session_.IntAt(0);
  row.role = find_session_.IntAt(1) == 0 ? Role::kClient : Role::kServer;
  row.contributed = find_session_.IntAt(2);
  row.stored_contributed = row.contributed;
  row.rotation = find_session_.IntAt(3);
  row.end = find_session_.IntAt(4);
  row.replaced = find_session_.IntAt(5) != 0;
  row.tag_set = find_session_.IntAt(9);
  row.highest_number = find_session_.IntAt(10);
  row.counted = CountSession(app_id, find_session_.IntAt(6), row.end, find_session_.TextAt(7), find_session_.IntAt(8),
                             row.tag_set);
  return row;
}

void BatchWriter::PutSession(const Batch& batch, SessionRow* row, Touched* touched) {
  const SessionInfo& info = batch.session;
  const bool client = info.role == Role::kClient;
  if (static_cast<int64_t>(batch.key.rotation) < row->rotation) return;  // a late part of an earlier rotation
  // A client's session ends once. Were its end to change with every batch, each could have all open records judged
  // anew.
  if (client && row->end != 0) return;

  row->is_as_batch = true;
  row->tag_set = counted_.rollups()->TagSet(TagsOf(info), batch.received_unix_s);
  const int64_t ended_s = PlaceUnixS(batch, info.uptime_ms);
  Statement& put = row->known ? update_session_ : add_session_;
  put.Int(batch.key.rotation).TextInPlace(info.app_version).Int(info.platform).TextInPlace(info.sdk_version);
  put.Int(info.end).Int(info.end_confidence).Int(info.crash_code).TextInPlace(info.crash_module);
  put.Int(static_cast<int64_t>(info.crash_offset)).TextInPlace(info.crash_report_id);
  put.Int(static_cast<int64_t>(info.uptime_ms)).Int(static_cast<int64_t>(info.connections_opened));
  put.BlobInPlace(info.boot_id).BlobInPlace(info.machine_id).Int(info.rotate_interval_ms);
  put.Int(ended_s).Int(batch.received_unix_s).Int(static_cast<int64_t>(info.losses)).Int(row->tag_set);
  if (row->known) {
    put.Int(row->id).Execute();
  } else {
    put.TextInPlace(info.app_id).BlobInPlace(BytesOf(batch.key.session_id)).Int(static_cast<int32_t>(info.role));
    row->stored_contributed = Contribution(batch);
    put.Int(PlaceUnixS(batch, 0)).Int(row->stored_contributed).Execute();
    row->id = db_->LastId();
  }
  if (client) {
    if (row->known) counted_.rollups()->Remove(row->counted);
    counted_.rollups()->Add(
        CountSession(info.app_id, ended_s, info.end, info.app_version, info.platform, row->tag_set));
  }
  if (row->known && (row->end != info.end || row->replaced)) TouchOpenRecords(row->id, touched);
  if (!client && !info.machine_id.empty()) MarkReplaced(batch, row->id, touched);
}

// A server that missed three of its own reports, and whose machine has since started another process of the same app,
// is gone. Should it report after all, the mark is taken back.
void BatchWriter::MarkReplaced(const Batch& batch, int64_t session, Touched* touched) {
  const SessionInfo& info = batch.session;
  std::vector<std::pair<int64_t, Replaced>> gone;
  silent_servers_.Blob(info.boot_id).Text(info.app_id).Blob(info.machine_id).Int(session);
  silent_servers_.Int(PlaceUnixS(batch, 0)).Int(batch.reference_unix_s);
  while (silent_servers_.Step()) {
    gone.emplace_back(silent_servers_.IntAt(0), silent_servers_.IntAt(1) != 0 ? Replaced::kHost : Replaced::kProcess);
  }
  silent_servers_.Reset();
  for (const auto& [id, replaced] : gone) {
    set_replaced_.Int(static_cast<int32_t>(replaced)).Int(id).Execute();
    TouchOpenRecords(id, touched);
  }
}

void BatchWriter::TouchOpenRecords(int64_t session, Touched* touched) {
  open_records_.Int(session);
  while (open_records_.Step()) touched->Insert(open_records_.TextAt(1), open_records_.IntAt(0));
  open_records_.Reset();
}

bool BatchWriter::TakesMore(const Batch& batch, SessionRow* session, uint64_t count) {
  if (batch.session.role == Role::kClient &&
      static_cast<uint64_t>(session->contributed) + count > kMaxClientConnections) {
    metrics_->Add(Counter::kRecordsOverLimit, count);
    return false;
  }
  session->contributed += static_cast<int64_t>(count);
  return true;
}

void BatchWriter::PutRecord(const Batch& batch, const ConnectionRecord& record, SessionRow* session, Touched* touched) {
  const StoredRecord old = FindRecord(*session, record.number);
  // The first end wins; a record that was open gives way to a later rotation's.
  const bool keeps = old.id != 0 && (!old.open || old.rotation > batch.key.rotation);
  if (keeps || (old.id == 0 && !TakesMore(batch, session, 1))) return;

  std::string token = record.token_hash;
  bool shared = false;
  if (!token.empty() && token != old.token_hash) {
    const ScopedReset reset(&count_token_);
    count_token_.TextInPlace(batch.session.app_id).BlobInPlace(token).Step();
    shared = count_token_.IntAt(0) != 0;
    if (count_token_.IntAt(0) >= kMaxTokenShared) {
      metrics_->Add(Counter::kTokensOverused);
      token.clear();
    }
  }
  const int64_t id = WriteRecord(batch, record, token, session, old.id);
  if (!old.token_hash.empty()) touched->token_hashes.insert(old.token_hash);
  if (old.id == 0 && !shared && session->is_as_batch) {
    touched->added.emplace_back(&record, id);
  } else {
    touched->Insert(token, id);
  }
  if (record.previous != 0) TouchPrevious(*session, record.previous, touched);
}

BatchWriter::StoredRecord BatchWriter::FindRecord(const SessionRow& session, uint32_t number) {
  if (number > session.highest_number) return {};
  const ScopedReset reset(&find_record_);
  if (!find_record_.Int(session.id).Int(number).Step()) return {};
  return {find_record_.IntAt(0), find_record_.TextAt(1), find_record_.IntAt(2) != 0, find_record_.IntAt(3)};
}

// `id` is 0 for a new record; returns its id.
int64_t BatchWriter::WriteRecord(const Batch& batch, const ConnectionRecord& record, const std::string& token,
                                 SessionRow* session, int64_t id) {
  Statement& put = id != 0 ? update_record_ : add_record_;
  token.empty() ? put.Null() : put.BlobInPlace(token);
  put.Int(batch.key.rotation).Int(record.open).Int(record.previous);
  put.Int(record.evidence.IsTrue(Field::established)).TextInPlace(record.endpoint).TextInPlace(record.network);
  put.BlobInPlace(record.evidence_bytes).Int(EndedUnixS(batch, record)).Int(batch.received_unix_s);
  if (id != 0) {
    put.Int(id).Execute();
    counted_.DropConnectionOf(id);
    return id;
  }
  put.Int(session->id).Int(record.number).TextInPlace(batch.session.app_id).Execute();
  session->highest_number = std::max<int64_t>(session->highest_number, record.number);
  metrics_->Add(Counter::kRecords);
  return db_->LastId();
}

void BatchWriter::TouchPrevious(const SessionRow& session, uint32_t number, Touched* touched) {
  const ScopedReset reset(&previous_record_);
  if (!previous_record_.Int(session.id).Int(number).Step()) return;
  touched->Insert(previous_record_.TextAt(1), previous_record_.IntAt(0));
}

void BatchWriter::PutCloseTotals(const Batch& batch, SessionRow* session) {
  const SessionInfo& info = batch.session;
  const bool client = info.role == Role::kClient;
  for (const CloseTotalRecord& total : batch.close_totals) {
    if (!TakesMore(batch, session, total.count)) continue;
    const Cause cause = IsKnownCause(total.cause) ? total.cause : WHYDROP_CAUSE_UNKNOWN;
    CountedRow row;
    row.kind = static_cast<int32_t>(client ? RowKind::kReported : RowKind::kUnjoinedServer);
    row.app_id = info.app_id;
    row.at_s = PlaceUnixS(batch, total.last_ms);
    row.count = static_cast<int64_t>(total.count);
    row.cause = cause;
    row.outcome = static_cast<int32_t>(OutcomeOfCause(cause));
    row.app_version = info.app_version;
    row.endpoint = total.endpoint;
    row.platform = CountedPlatform(info.platform);
    row.server_error = "no record";
    row.tag_set = session->tag_set;
    counted_.Add({{std::nullopt, session->id, static_cast<int32_t>(Confidence::kLow), 0}, row});
  }
}

void BatchWriter::JudgeToken(const std::string& app_id, const std::string& token_hash) {
  const std::vector<StoredEnd> ends = ends_.ByToken(app_id, token_hash);
  for (const StoredEnd& end : ends) counted_.DropConnectionOf(end.id);
  for (const CountedEnd& counted : collector::JudgeToken(ends, time_)) {
    counted_.Add(ConnectionOf(counted));
    const bool silent = counted.server != nullptr && counted.server->view.record.replaced == Replaced::kSilent;
    if (silent && IsSilence(counted.judgement.joined.verdict.verdict.cause)) {
      suspected_hosts_.insert(counted.server->session);
    }
  }
}

void BatchWriter::JudgeRecord(int64_t record) {
  for (const StoredEnd& end : ends_.ById(record)) {
    counted_.DropConnectionOf(end.id);
    for (const CountedEnd& counted : JudgeAlone(end, time_)) counted_.Add(ConnectionOf(counted));
  }
}

// Nobody shares the connections of these records, so they are judged by what is at hand. Where a record of the session
// has another as its previous one, what followed is read from the tables.
void BatchWriter::JudgeAdded(const Batch& batch, const SessionRow& session, Touched* touched) {
  const std::vector<std::pair<const ConnectionRecord*, int64_t>> added = std::move(touched->added);
  if (added.empty()) return;
  const ScopedReset reset(&any_previous_);
  const bool any_previous = any_previous_.Int(session.id).Step();
  StoredEnd end = EndOfSession(batch, session.id, session.tag_set);
  for (const auto& [record, id] : added) {
    if (any_previous) {
      touched->Insert(record->token_hash, id);
      continue;
    }
    end.id = id;
    end.has_token = !record->token_hash.empty();
    end.network = record->network;
    end.view.endpoint = record->endpoint;
    end.view.ended_unix_s = EndedUnixS(batch, *record);
    end.view.record.evidence = record->evidence;
    end.view.record.open = record->open;
    for (const CountedEnd& counted : JudgeAlone(end, time_)) counted_.Add(ConnectionOf(counted));
  }
}

CountedConnection BatchWriter::ConnectionOf(const CountedEnd& counted) {
  const StoredEnd& from = *counted.of;
  const Judgement& judgement = counted.judgement;
  const JoinedVerdict& joined = judgement.joined.verdict;
  CountedConnection connection{
      {from.id, std::nullopt, static_cast<int32_t>(joined.verdict.confidence), judgement.decided_s}, {}};
  CountedRow& row = connection.row;
  row.kind = static_cast<int32_t>(counted.kind);
  row.app_id = from.app_id;
  row.at_s = from.view.ended_unix_s;
  row.cause = joined.verdict.cause;
  row.outcome = static_cast<int32_t>(joined.outcome);
  row.endpoint = from.view.endpoint;
  row.network = from.network;
  row.server_error = labels_.FoldServerError(from.app_id, judgement.joined.server_error);
  row.findings = counted.findings;
  // Version, platform and tags are the client's: a server's own would be counted as if players ran it.
  if (from.role == Role::kClient) {
    connection.origin.session = from.session;
    row.app_version = from.view.app_version;
    row.platform = CountedPlatform(from.view.record.platform);
    row.tag_set = from.tag_set;
  }
  return connection;
}

}  // namespace whydrop::collector
