#include "samples/collector/store/sqlite/store.h"

#include <algorithm>
#include <chrono>

namespace whydrop::collector {
namespace {

// Batches that arrive during one commit share the next: what a commit costs, a wait for the disk, is paid once.
constexpr size_t kMaxBatchesPerCommit = 500;
constexpr size_t kMaxWaiting = 4096;
// A record takes about 1 KiB while it waits. Without this bound a queue of the largest batches would take 10 GiB.
constexpr size_t kMaxWaitingRecords = 128 * 1024;
constexpr int64_t kPurgeEveryS = 86400;
constexpr std::chrono::seconds kReviewEvery{1};

}  // namespace

SqliteStore::SqliteStore(const std::string& path, ClockFn now, uint32_t join_window_s, Metrics* metrics)
    : now_(std::move(now)), join_window_s_(join_window_s), metrics_(metrics), write_db_(path) {
  try {
    PrepareSchema(&write_db_);
    writer_ = std::make_unique<BatchWriter>(&write_db_, join_window_s, now_(), metrics);
    read_db_ = std::make_unique<Database>(path);
    read_db_->Run("PRAGMA query_only = ON");
  } catch (const StoreError& error) {
    throw StoreError("cannot use the store '" + path + "': " + error.what());
  }
  thread_ = std::thread([this] { WriteLoop(); });
}

SqliteStore::~SqliteStore() { Stop(); }

bool SqliteStore::Submit(Batch batch, Done done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || waiting_.size() >= kMaxWaiting || waiting_records_ >= kMaxWaitingRecords) return false;
  const size_t records = batch.connections.size() + batch.close_totals.size();
  waiting_records_ += records;
  waiting_.push_back({std::move(batch), std::move(done), records, StoreVerdict::kUnavailable});
  wake_.notify_one();
  return true;
}

void SqliteStore::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void SqliteStore::WriteLoop() {
  size_t written = 0;
  for (;;) {
    std::vector<Pending> group;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      waiting_records_ -= written;
      written = 0;
      wake_.wait_for(lock, kReviewEvery, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_ && waiting_.empty()) return;
      const size_t count = std::min(waiting_.size(), kMaxBatchesPerCommit);
      for (size_t i = 0; i < count; ++i) {
        group.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    if (!group.empty()) Commit(&group);
    for (Pending& pending : group) {
      written += pending.records;
      pending.done(pending.verdict);
    }
    PurgeDaily();
    Review();
  }
}

void SqliteStore::Commit(std::vector<Pending>* group) {
  try {
    write_db_.Run("BEGIN IMMEDIATE");
    for (Pending& pending : *group) ApplyOne(&pending);
    write_db_.Run("COMMIT");
    metrics_->Add(Counter::kCommits);
  } catch (const StoreError& error) {
    Abandon(error);
    for (Pending& pending : *group) pending.verdict = StoreVerdict::kUnavailable;
  }
}

// What only the passing of time changes.
void SqliteStore::Review() {
  try {
    if (!writer_->NeedsReview(now_())) return;
    write_db_.Run("BEGIN IMMEDIATE");
    writer_->Review(now_());
    write_db_.Run("COMMIT");
  } catch (const StoreError& error) {
    Abandon(error);
  }
}

// In a transaction of its own: a deletion that fails must not take batches with it.
void SqliteStore::PurgeDaily() {
  if (now_() - purged_s_ < kPurgeEveryS) return;
  purged_s_ = now_();
  try {
    write_db_.Run("BEGIN IMMEDIATE");
    writer_->Purge(now_());
    write_db_.Run("COMMIT");
  } catch (const StoreError& error) {
    Abandon(error);
  }
}

// A savepoint keeps one batch's failure from the others. Where SQLite gave the whole transaction up (a full disk), the
// error goes on to the group.
void SqliteStore::ApplyOne(Pending* pending) {
  write_db_.Run("SAVEPOINT one");
  try {
    pending->verdict = writer_->Apply(&pending->batch);
  } catch (const StoreError& error) {
    writer_->Forget();
    if (!write_db_.InTransaction()) throw;
    LogWarning("store", error.what());
    write_db_.Run("ROLLBACK TO one");
    pending->verdict = StoreVerdict::kUnavailable;
  }
  write_db_.Run("RELEASE one");
}

void SqliteStore::Abandon(const StoreError& error) {
  LogWarning("store", error.what());
  writer_->Forget();
  if (!write_db_.InTransaction()) return;
  try {
    write_db_.Run("ROLLBACK");
  } catch (const StoreError& second) {
    LogWarning("store", second.what());
  }
}

Attribution SqliteStore::QueryAttribution(const AttributionQuery& query) {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadAttribution(*read_db_, query, now_());
}

std::vector<ConnectionView> SqliteStore::FindConnections(const std::string& app_id, const std::string& token_hash) {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadConnections(*read_db_, app_id, token_hash, {now_(), join_window_s_});
}

std::vector<Finding> SqliteStore::QueryFindings(const ConnectionFilter& filter) {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadFindings(*read_db_, filter);
}

std::vector<SessionView> SqliteStore::FindSessions(std::optional<int32_t> end, const std::string& app_id,
                                                   uint32_t limit) {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadSessions(*read_db_, end, app_id, limit);
}

std::vector<SessionEndGroup> SqliteStore::QuerySessionEnds(const SessionFilter& filter) {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadSessionEnds(*read_db_, filter);
}

Crashes SqliteStore::QueryCrashes(const SessionFilter& filter, uint32_t limit) {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadCrashes(*read_db_, filter, limit);
}

std::vector<std::string> SqliteStore::ListApps() {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadApps(*read_db_);
}

std::vector<Label> SqliteStore::ListLabels(const std::string& app_id) {
  const std::lock_guard<std::mutex> lock(read_mutex_);
  return ReadLabels(*read_db_, app_id);
}

std::unique_ptr<Store> OpenStore(const std::string& url, ClockFn now, Metrics* metrics, uint32_t join_window_s) {
  const std::string scheme = "sqlite:";
  if (url.compare(0, scheme.size(), scheme) != 0 || url.size() == scheme.size()) {
    throw StoreError("no engine takes the store URL '" + url + "'; the form is sqlite:PATH");
  }
  return std::make_unique<SqliteStore>(url.substr(scheme.size()), std::move(now), join_window_s, metrics);
}

}  // namespace whydrop::collector
