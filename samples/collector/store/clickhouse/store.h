// The store on a ClickHouse cluster. Three threads: a batch is acknowledged once the first has put it into this
// machine's spool, the second brings it into the engine, the third judges it there, and counts.
//
// Thread rule: as Store.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_STORE_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_STORE_H

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/question.h"
#include "samples/collector/store/clickhouse/engine/table_check.h"
#include "samples/collector/store/clickhouse/judging/judge.h"
#include "samples/collector/store/clickhouse/judging/rounds.h"
#include "samples/collector/store/clickhouse/spool/delivery.h"
#include "samples/collector/store/clickhouse/spool/sender.h"
#include "samples/collector/store/clickhouse/spool/sent_segments.h"
#include "samples/collector/store/clickhouse/spool/spool.h"
#include "samples/collector/store/clickhouse/spool/writer.h"
#include "samples/collector/store/store.h"

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
  void StartToServe();
  int64_t OldestNotSentS();

  const ClockFn now_;
  const StoreSettings store_settings_;
  Metrics* const metrics_;
  const Settings settings_;
  Cluster cluster_;
  TableCheck tables_;
  Stamps stamps_;
  Judge judge_;
  std::atomic<bool> gives_up_{false};  // questions, also those that come
  // As of the start.
  int64_t newest_report_s_ = 0;
  std::vector<Label> labels_;

  // Of a store that serves. Who gives something on ends first.
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<SentSegments> sent_;
  std::unique_ptr<Rounds> rounds_;
  std::unique_ptr<Sender> sender_;
  std::unique_ptr<SpoolWriter> writer_;
};

}  // namespace whydrop::collector::clickhouse

#endif
