#include "samples/collector/store/sqlite/counted_tables.h"

#include <algorithm>
#include <functional>
#include <string>

namespace whydrop::collector {
namespace {

constexpr int64_t kPurgedAtOnce = 5000;  // rows of a table; ingest goes on in between
constexpr size_t kAddedAtOnce = 8;       // connections of one statement: its tables are opened once for them
constexpr size_t kMostWaiting = 8 * kAddedAtOnce;

const std::string kReturned =
    " RETURNING kind, app_id, at_s, count, cause, outcome, app_version, endpoint, network, platform, server_error, "
    "tag_set, findings";

CountedRow ConnectionAt(const Statement& at) {
  CountedRow row;
  row.kind = at.IntAt(0);
  row.app_id = at.TextAt(1);
  row.at_s = at.IntAt(2);
  row.count = at.IntAt(3);
  row.cause = at.IntAt(4);
  row.outcome = at.IntAt(5);
  row.app_version = at.TextAt(6);
  row.endpoint = at.TextAt(7);
  row.network = at.TextAt(8);
  row.platform = at.IntAt(9);
  row.server_error = at.TextAt(10);
  row.tag_set = at.IntAt(11);
  row.findings = at.IntAt(12);
  return row;
}

CountedRow SessionAt(const Statement& at) {
  return CountSession(at.TextAt(1), at.IntAt(2), at.IntAt(3), at.TextAt(4), at.IntAt(5), at.IntAt(6));
}

// A statement of several rows that can be taken back alone keeps a copy of every page that it changes. Here a failure
// takes back the whole transaction, so this one leaves what it did.
std::string AddSql(size_t rows) {
  std::string sql =
      "INSERT OR FAIL INTO connections (record, session, confidence, decided_s, kind, app_id, at_s, count, cause, "
      "outcome, app_version, endpoint, network, platform, server_error, tag_set, findings) VALUES ";
  for (size_t i = 0; i < rows; ++i)
    sql += std::string(i == 0 ? "" : ", ") + "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  return sql;
}

std::string Old(const std::string& table, const std::string& time) {
  return "DELETE FROM " + table + " WHERE id IN (SELECT id FROM " + table + " WHERE " + time + " < ? LIMIT ?)";
}

}  // namespace

CountedRow CountSession(const std::string& app_id, int64_t ended_s, int64_t end, const std::string& app_version,
                        int64_t platform, int64_t tag_set) {
  CountedRow row;
  row.kind = static_cast<int64_t>(RowKind::kClientSession);
  row.app_id = app_id;
  row.at_s = ended_s;
  row.cause = end;
  row.app_version = app_version;
  row.platform = CountedPlatform(platform);
  row.tag_set = tag_set;
  return row;
}

CountedTables::CountedTables(Database* db)
    : rollups_(db),
      add_(*db, AddSql(1)),
      add_many_(*db, AddSql(kAddedAtOnce)),
      drop_(*db, "DELETE FROM connections WHERE record = ?" + kReturned),
      old_connections_(*db, Old("connections", "at_s") + kReturned),
      old_records_(*db, Old("records", "at_s")),
      // Times are the sender's to choose, so a session may be old and its records not: it stays with them. And the
      // newest one always stays, because SQLite would give its id, and whatever still points to it, to the next
      // session.
      old_sessions_(*db,
                    "DELETE FROM sessions WHERE id IN (SELECT s.id FROM sessions s WHERE s.ended_s < ? AND "
                    "s.id < (SELECT max(id) FROM sessions) AND NOT EXISTS (SELECT 1 FROM records r WHERE r.session = "
                    "s.id) LIMIT ?) RETURNING role, app_id, ended_s, end, app_version, platform, tag_set"),
      old_batches_(*db,
                   "DELETE FROM batches WHERE (app_id, session_id, rotation, part) IN (SELECT app_id, session_id, "
                   "rotation, part FROM batches WHERE received_s < ? LIMIT ?)"),
      db_(db) {}

void CountedTables::Add(CountedConnection connection) {
  rollups_.Add(connection.row);
  waiting_.push_back(std::move(connection));
  if (waiting_.size() == kMostWaiting) Flush();
}

void CountedTables::Flush() {
  const CountedConnection* next = waiting_.data();
  const CountedConnection* const end = next + waiting_.size();
  for (; end - next >= static_cast<ptrdiff_t>(kAddedAtOnce); next += kAddedAtOnce)
    AddSome(&add_many_, next, kAddedAtOnce);
  for (; next != end; ++next) AddSome(&add_, next, 1);
  waiting_.clear();
}

void CountedTables::Finish() {
  Flush();
  rollups_.Write();
}

void CountedTables::Forget() {
  waiting_.clear();
  rollups_.Forget();
}

void CountedTables::AddSome(Statement* add, const CountedConnection* first, size_t count) {
  for (const CountedConnection* at = first; at != first + count; ++at) {
    const ConnectionOrigin& origin = at->origin;
    const CountedRow& row = at->row;
    origin.record ? add->Int(*origin.record) : add->Null();
    origin.session ? add->Int(*origin.session) : add->Null();
    add->Int(origin.confidence)
        .Int(origin.decided_s)
        .Int(row.kind)
        .TextInPlace(row.app_id)
        .Int(row.at_s)
        .Int(row.count);
    add->Int(row.cause).Int(row.outcome).TextInPlace(row.app_version).TextInPlace(row.endpoint);
    add->TextInPlace(row.network).Int(row.platform).TextInPlace(row.server_error).Int(row.tag_set).Int(row.findings);
  }
  add->Execute();
}

void CountedTables::DropConnectionOf(int64_t record) {
  const auto is_of_it = [record](const CountedConnection& waiting) { return waiting.origin.record == record; };
  if (std::any_of(waiting_.begin(), waiting_.end(), is_of_it)) Flush();
  const ScopedReset reset(&drop_);
  drop_.Int(record);
  while (drop_.Step()) rollups_.Remove(ConnectionAt(drop_));
}

bool CountedTables::PurgeSome(int64_t before_s) {
  int64_t most = 0;
  const auto purge = [&](Statement* old, const std::function<void()>& dropped) {
    const ScopedReset reset(old);
    old->Int(before_s).Int(kPurgedAtOnce);
    int64_t rows = 0;
    for (; old->Step(); ++rows) dropped();
    most = std::max({most, rows, int64_t{db_->Changes()}});
  };
  purge(&old_connections_, [this] { rollups_.Remove(ConnectionAt(old_connections_)); });
  purge(&old_records_, [] {});
  purge(&old_sessions_, [this] {
    if (old_sessions_.IntAt(0) == static_cast<int64_t>(Role::kClient)) rollups_.Remove(SessionAt(old_sessions_));
  });
  purge(&old_batches_, [] {});
  if (most >= kPurgedAtOnce) return true;
  // A row's end is no later than the last use of its tags, which is known to the day. Old sessions that stay keep
  // theirs.
  const std::string before = std::to_string(before_s);
  db_->Run(("DELETE FROM tag_sets WHERE used_s <= " + before +
            " - 86400 AND id NOT IN (SELECT tag_set FROM sessions WHERE ended_s < " + before +
            ");DELETE FROM tag_set_tags WHERE tag_set NOT IN (SELECT id FROM tag_sets)")
               .c_str());
  return false;
}

}  // namespace whydrop::collector
