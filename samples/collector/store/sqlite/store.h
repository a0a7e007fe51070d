// The embedded store: one thread writes, many batches to a transaction; other connections read beside it.
//
// Thread rule: as Store.
#ifndef WHYDROP_COLLECTOR_SQLITE_STORE_H
#define WHYDROP_COLLECTOR_SQLITE_STORE_H

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/sqlite/read_pool.h"
#include "samples/collector/store/sqlite/writer.h"
#include "samples/collector/store/store.h"
#include "samples/collector/store/waiting_batches.h"

namespace whydrop::collector {

class SqliteStore : public Store {
 public:
  SqliteStore(const std::string& path, ClockFn now, const StoreSettings& settings, Metrics* metrics);
  ~SqliteStore() override;

  bool Submit(Batch batch, Done done) override;
  void Stop() override;
  StoreHealth Health() override;
  void Settle() override {}  // what is acknowledged is committed, and questions read what is committed
  void Backup(const std::string& path) override;
  Attribution QueryAttribution(const AttributionQuery& query) override;
  std::vector<ConnectionView> FindConnections(const std::string& app_id, const std::string& token_hash) override;
  std::vector<ConnectionView> FindConnectionsOfSession(const std::string& app_id, const std::string& session_id,
                                                       uint32_t limit) override;
  std::vector<ConnectionRow> RecentConnections(const ConnectionQuery& query, uint32_t limit) override;
  void VisitConnections(const ConnectionQuery& query, const std::function<bool(const ConnectionRow&)>& visit) override;
  std::vector<Finding> QueryFindings(const ConnectionFilter& filter) override;
  std::vector<SessionView> FindSessions(std::optional<int32_t> end, const std::string& app_id, uint32_t limit) override;
  std::vector<SessionEndGroup> QuerySessionEnds(const SessionFilter& filter) override;
  Crashes QueryCrashes(const SessionFilter& filter, uint32_t limit) override;
  bool HasSession(const std::string& app_id, const std::string& session_id) override;
  std::vector<std::string> ListApps() override;
  std::vector<Label> ListLabels(const std::string& app_id) override;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Company { kNone, kWhoWaits };  // with whom batches share a transaction

  bool IsWorthCommit() const;  // under mutex_
  void WriteLoop();
  bool TakeWaiting(std::vector<PendingBatch>* group);
  void Commit(std::vector<PendingBatch>* group);
  bool CommitOnce(std::vector<PendingBatch>* group, Company company);
  bool Apply(std::vector<PendingBatch>* group, Company company);
  void Answer(const std::vector<PendingBatch>& group);
  void Review();
  void Purge();
  void TryToWrite();
  void Abandon(const StoreError& error);
  void NoteHealth(bool ready, const std::string& why_not);
  void NoteNewestReport(const Database& db);

  const std::string path_;
  const ClockFn now_;
  const StoreSettings settings_;
  Metrics* const metrics_;
  std::unique_ptr<Database> write_db_;   // used by the writer's thread only; none without writing
  std::unique_ptr<BatchWriter> writer_;  // as above
  int64_t purged_s_ = 0;                 // as above
  bool purging_ = false;                 // as above; there is more to delete, or to judge again
  bool reviewing_ = false;               // as above
  Clock::time_point transaction_began_;  // as above
  std::unique_ptr<ReadPool> readers_;
  std::mutex health_mutex_;
  StoreHealth health_;  // guarded by health_mutex_
  std::mutex mutex_;
  std::condition_variable wake_;
  WaitingBatches waiting_;  // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  std::thread thread_;
};

}  // namespace whydrop::collector

#endif
