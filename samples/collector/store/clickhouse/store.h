// The store on a ClickHouse cluster. A batch is acknowledged once it lies in this machine's spool; a second thread
// brings it into the engine, judges it there, and counts.
//
// Thread rule: as Store.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_STORE_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_STORE_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "samples/collector/store/clickhouse/encoder.h"
#include "samples/collector/store/clickhouse/engine/question.h"
#include "samples/collector/store/clickhouse/judging/judge.h"
#include "samples/collector/store/clickhouse/judging/rollup.h"
#include "samples/collector/store/clickhouse/judging/servers.h"
#include "samples/collector/store/clickhouse/spool/delivery.h"
#include "samples/collector/store/clickhouse/spool/spool.h"
#include "samples/collector/store/store.h"
#include "samples/collector/store/waiting_batches.h"

namespace whydrop::collector::clickhouse {

class ClickHouseStore : public Store {
 public:
  // `url` without its scheme. While the engine is not reached batches are taken all the same, and answers are not.
  ClickHouseStore(const std::string& url, ClockFn now, const StoreSettings& settings, Metrics* metrics);
  ~ClickHouseStore() override;

  bool Submit(Batch batch, Done done) override;
  void Stop() override;
  StoreHealth Health() override;
  void Settle() override;
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

  Question Ask();
  void Open();
  void PrepareTables();
  // The writer's thread.
  void WriteLoop();
  void Write(std::vector<PendingBatch>* group);
  bool WantsToClose();
  bool IsFull(const Segment& segment) const;
  // The worker's thread.
  void WorkLoop();
  enum class Haste { kNone, kSettle };
  bool Work(Haste haste, int64_t now_s);
  void TakeOver();
  bool JudgeAll(Haste haste, int64_t now_s);

  const ClockFn now_;
  const StoreSettings store_settings_;
  Metrics* const metrics_;
  const Settings settings_;
  Cluster cluster_;
  Stamps stamps_;
  Judge judge_;
  Servers servers_;
  Rollup rollup_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Delivery> delivery_;  // the worker's
  std::unique_ptr<Encoder> encoder_;    // the writer's

  // The worker's.
  bool tables_fit_ = false;  // nothing is sent before
  uint64_t swept_until_us_ = 0;
  int64_t answers_behind_s_ = 0;
  Clock::time_point sent_, reviewed_, purged_, refreshed_, searched_;

  std::atomic<bool> gives_up_{false};  // questions, also those that come

  std::mutex mutex_;
  std::condition_variable writer_wakes_, worker_wakes_, settled_;
  WaitingBatches waiting_;       // guarded by mutex_, as all that follows
  std::vector<Segment> closed_;  // for the worker
  std::vector<Label> learned_;   // for the writer
  Clock::time_point opened_;     // the open segment
  bool has_open_ = false;
  uint64_t settle_wanted_ = 0;  // number of the newest wish
  uint64_t settle_closed_ = 0;  // the writer has closed what was before it
  uint64_t settle_done_ = 0;
  bool stopping_ = false;
  bool written_ = false;  // the writer has ended
  StoreHealth health_;
  std::string trouble_;  // why the last round of the worker did not end

  std::thread writer_;
  std::thread worker_;
};

}  // namespace whydrop::collector::clickhouse

#endif
