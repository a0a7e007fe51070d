#include "samples/collector/store/sqlite/store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "samples/collector/log_line.h"
#include "samples/collector/store/sqlite/connections.h"
#include "samples/collector/store/sqlite/findings.h"
#include "samples/collector/store/sqlite/queries.h"
#include "samples/collector/store/sqlite/schema.h"
#include "samples/collector/store/sqlite/sessions.h"

namespace whydrop::collector {
namespace {

// Batches share a transaction. Its commit costs a wait for the disk, and writes every page whole that one of them
// changed.
constexpr size_t kMaxBatchesPerCommit = 500;
constexpr std::chrono::milliseconds kLongestTransaction{250};  // then it takes no more
// Where batches come together the next transaction begins so long after the last one, or so many times of what that one
// took: the more of its time the writer needs, the more company saves.
constexpr std::chrono::milliseconds kCommitEvery{50};
constexpr std::chrono::milliseconds kBusyCommitEvery{100};
constexpr int kTimesOfTransaction = 8;
constexpr size_t kManyRecords = 8 * 1024;  // so many need no company
constexpr int64_t kPurgeEveryS = 3600;
constexpr std::chrono::seconds kReviewEvery{1};

}  // namespace

SqliteStore::SqliteStore(const std::string& path, ClockFn now, const StoreSettings& settings, Metrics* metrics)
    : path_(path), now_(std::move(now)), settings_(settings), metrics_(metrics) {
  const bool serves = settings.access == StoreAccess::kServe;
  try {
    if (serves) {
      write_db_ = std::make_unique<Database>(path);
      PrepareSchema(write_db_.get());
      writer_ = std::make_unique<BatchWriter>(write_db_.get(), settings.join_window_s, now_(), metrics);
    }
    readers_ = std::make_unique<ReadPool>(path, serves ? kQuestionsAtOnce : 1,
                                          std::chrono::seconds(settings.question_limit_s));
    readers_->Ask([this](const Database& db) {
      RequirePresentSchema(db);
      NoteNewestReport(db);
    });
  } catch (const StoreError& error) {
    throw StoreError("cannot use the store '" + path + "': " + error.what());
  }
  if (serves) thread_ = std::thread([this] { WriteLoop(); });
}

SqliteStore::~SqliteStore() { Stop(); }

bool SqliteStore::Submit(Batch batch, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (writer_ == nullptr || stopping_ || !waiting_.Add(std::move(batch), std::move(done))) return false;
  if (waiting_.size() == 1 || IsWorthCommit()) wake_.notify_one();
  return true;
}

bool SqliteStore::IsWorthCommit() const {
  return stopping_ || waiting_.size() >= kMaxBatchesPerCommit || waiting_.records() >= kManyRecords;
}

void SqliteStore::Stop() {
  if (readers_ != nullptr) readers_->Stop();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void SqliteStore::WriteLoop() {
  bool shared = false;  // the last commit
  Clock::duration pace = kCommitEvery;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (!purging_ && !reviewing_)
        wake_.wait_for(lock, kReviewEvery, [this] { return stopping_ || !waiting_.empty(); });
      // Where several came at once, more are on their way.
      if (shared && !waiting_.empty())
        wake_.wait_until(lock, transaction_began_ + pace, [this] { return IsWorthCommit(); });
      if (stopping_ && waiting_.empty()) return;
    }
    std::vector<PendingBatch> group;
    transaction_began_ = Clock::now();
    if (TakeWaiting(&group)) Commit(&group);
    shared = group.size() > 1;
    pace = std::clamp<Clock::duration>(kTimesOfTransaction * (Clock::now() - transaction_began_), kCommitEvery,
                                       kBusyCommitEvery);
    Answer(group);
    Purge();
    Review();
    if (group.empty()) TryToWrite();
  }
}

// False: none waits, or the transaction has enough of them.
bool SqliteStore::TakeWaiting(std::vector<PendingBatch>* group) {
  if (!group->empty() && Clock::now() - transaction_began_ >= kLongestTransaction) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  return waiting_.MoveTo(group, kMaxBatchesPerCommit);
}

void SqliteStore::Answer(const std::vector<PendingBatch>& group) {
  for (const PendingBatch& pending : group) pending.done(pending.verdict);
  const std::lock_guard<std::mutex> lock(mutex_);
  waiting_.Release(group);
}

// Each batch alone, where one of them failed, so that its failure costs none of the others. That hardly ever happens; a
// savepoint for each would copy every page that its batch changes.
void SqliteStore::Commit(std::vector<PendingBatch>* group) {
  if (CommitOnce(group, Company::kWhoWaits) || group->size() == 1) return;
  for (PendingBatch& pending : *group) {
    std::vector<PendingBatch> alone;
    alone.push_back(std::move(pending));
    CommitOnce(&alone, Company::kNone);
    pending = std::move(alone.front());
  }
}

// False: a batch failed, and the transaction was taken back.
bool SqliteStore::CommitOnce(std::vector<PendingBatch>* group, Company company) {
  try {
    write_db_->Run("BEGIN IMMEDIATE");
    if (!Apply(group, company)) return false;
    writer_->Finish();
    write_db_->Run("COMMIT");
    metrics_->Add(Counter::kCommits);
    NoteHealth(true, "");
    NoteNewestReport(*write_db_);
  } catch (const StoreError& error) {
    Abandon(error);
    for (PendingBatch& pending : *group) pending.verdict = StoreVerdict::kUnavailable;
  }
  return true;
}

// False as above. Where SQLite gave the transaction up by itself (a full disk), the error goes on to all.
bool SqliteStore::Apply(std::vector<PendingBatch>* group, Company company) {
  try {
    for (size_t i = 0; i < group->size() || (company == Company::kWhoWaits && TakeWaiting(group)); ++i) {
      (*group)[i].verdict = writer_->Apply(&(*group)[i].batch);
    }
    return true;
  } catch (const StoreError& error) {
    if (!write_db_->InTransaction()) throw;
    LogWarning("store", error.what());
  }
  for (PendingBatch& pending : *group) pending.verdict = StoreVerdict::kUnavailable;
  writer_->Forget();
  write_db_->Run("ROLLBACK");
  return false;
}

// What only the passing of time changes.
void SqliteStore::Review() {
  try {
    if (!reviewing_ && !writer_->NeedsReview(now_())) return;
    write_db_->Run("BEGIN IMMEDIATE");
    reviewing_ = writer_->Review(now_());
    writer_->Finish();
    write_db_->Run("COMMIT");
  } catch (const StoreError& error) {
    reviewing_ = false;
    Abandon(error);
  }
}

// In transactions of its own: a deletion that fails must not take batches with it, nor a large one hold them up.
void SqliteStore::Purge() {
  const int64_t since_s = now_() - purged_s_;  // negative: the clock was set back
  if (!purging_ && since_s >= 0 && since_s < kPurgeEveryS) return;
  purging_ = true;
  purged_s_ = now_();
  try {
    write_db_->Run("BEGIN IMMEDIATE");
    purging_ = writer_->PurgeSome(now_() - int64_t{settings_.keep_days} * 86400);
    writer_->Finish();
    write_db_->Run("COMMIT");
  } catch (const StoreError& error) {
    purging_ = false;
    Abandon(error);
  }
}

// While nothing can be written nobody sends anything, so the store itself finds out when it can write again.
void SqliteStore::TryToWrite() {
  if (Health().ready) return;
  try {
    write_db_->Run("BEGIN IMMEDIATE");
    TouchSchema(write_db_.get());
    write_db_->Run("COMMIT");
    NoteHealth(true, "");
  } catch (const StoreError& error) {
    Abandon(error);
  }
}

void SqliteStore::Abandon(const StoreError& error) {
  LogWarning("store", error.what());
  NoteHealth(false, std::string("the store cannot be written: ") + error.what());
  writer_->Forget();
  if (!write_db_->InTransaction()) return;
  try {
    write_db_->Run("ROLLBACK");
  } catch (const StoreError& second) {
    LogWarning("store", second.what());
  }
}

void SqliteStore::NoteHealth(bool ready, const std::string& why_not) {
  const std::lock_guard<std::mutex> lock(health_mutex_);
  health_.ready = ready;
  health_.why_not = why_not;
}

// From the table, because another collector may write to the same file.
void SqliteStore::NoteNewestReport(const Database& db) {
  const int64_t newest_s = ReadNewestReport(db);
  const std::lock_guard<std::mutex> lock(health_mutex_);
  health_.newest_report_s = newest_s;
}

StoreHealth SqliteStore::Health() {
  const std::lock_guard<std::mutex> lock(health_mutex_);
  StoreHealth health = health_;
  health.complete_until_s = now_();
  return health;
}

void SqliteStore::Backup(const std::string& path) {
  if (std::filesystem::exists(path)) throw StoreError("the backup '" + path + "' exists already");
  const Database from(path_, OpenMode::kQuery);
  const std::string part = path + ".part";
  std::error_code ignored;  // what is left of an earlier try may be there or not
  std::filesystem::remove(part, ignored);
  try {
    CopyDatabase(from, part);
    std::filesystem::rename(part, path);
  } catch (const std::filesystem::filesystem_error& error) {
    throw StoreError("cannot back up to '" + path + "': " + error.what());
  }
}

Attribution SqliteStore::QueryAttribution(const AttributionQuery& query) {
  return readers_->Ask([&](const Database& db) { return ReadAttribution(db, query, now_()); });
}

std::vector<ConnectionView> SqliteStore::FindConnections(const std::string& app_id, const std::string& token_hash) {
  return readers_->Ask([&](const Database& db) {
    return ReadConnections(db, app_id, token_hash, {now_(), settings_.join_window_s});
  });
}

std::vector<ConnectionView> SqliteStore::FindConnectionsOfSession(const std::string& app_id,
                                                                  const std::string& session_id, uint32_t limit) {
  return readers_->Ask([&](const Database& db) {
    return ReadConnectionsOfSession(db, app_id, session_id, limit, {now_(), settings_.join_window_s});
  });
}

std::vector<ConnectionRow> SqliteStore::RecentConnections(const ConnectionQuery& query, uint32_t limit) {
  return readers_->Ask([&](const Database& db) { return ReadRecentConnections(db, query, limit, now_()); });
}

void SqliteStore::VisitConnections(const ConnectionQuery& query,
                                   const std::function<bool(const ConnectionRow&)>& visit) {
  readers_->Ask([&](const Database& db) { VisitConnectionRows(db, query, now_(), visit); });
}

std::vector<Finding> SqliteStore::QueryFindings(const ConnectionFilter& filter) {
  return readers_->Ask([&](const Database& db) { return ReadFindings(db, filter); });
}

std::vector<SessionView> SqliteStore::FindSessions(std::optional<int32_t> end, const std::string& app_id,
                                                   uint32_t limit) {
  return readers_->Ask([&](const Database& db) { return ReadSessions(db, end, app_id, limit); });
}

std::vector<SessionEndGroup> SqliteStore::QuerySessionEnds(const SessionFilter& filter) {
  return readers_->Ask([&](const Database& db) { return ReadSessionEnds(db, filter); });
}

Crashes SqliteStore::QueryCrashes(const SessionFilter& filter, uint32_t limit) {
  return readers_->Ask([&](const Database& db) { return ReadCrashes(db, filter, limit); });
}

bool SqliteStore::HasSession(const std::string& app_id, const std::string& session_id) {
  return readers_->Ask([&](const Database& db) { return ReadHasSession(db, app_id, session_id); });
}

std::vector<std::string> SqliteStore::ListApps() { return readers_->Ask(ReadApps); }

std::vector<Label> SqliteStore::ListLabels(const std::string& app_id) {
  return readers_->Ask([&](const Database& db) { return ReadLabels(db, app_id); });
}

}  // namespace whydrop::collector
