#include "samples/collector/store/clickhouse/store.h"

#include <algorithm>

#include "samples/collector/log_line.h"
#include "samples/collector/store/clickhouse/answers/connections.h"
#include "samples/collector/store/clickhouse/answers/counts.h"
#include "samples/collector/store/clickhouse/answers/sessions.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr std::chrono::seconds kSettleWait{120};
constexpr std::chrono::seconds kStopWait{20};

}  // namespace

ClickHouseStore::ClickHouseStore(const std::string& url, ClockFn now, const StoreSettings& settings, Metrics* metrics)
    : now_(std::move(now)),
      store_settings_(settings),
      metrics_(metrics),
      settings_(ParseUrl(url)),
      cluster_(settings_),
      tables_(&cluster_, settings_.create && settings.access == StoreAccess::kServe),
      judge_(&cluster_, &stamps_, settings.join_window_s, now_(), metrics) {
  Open();
  if (settings.access == StoreAccess::kServe) StartToServe();
}

ClickHouseStore::~ClickHouseStore() { Stop(); }

// Tables that do not fit keep it from starting; an engine that is away, or a part of it, does not.
void ClickHouseStore::Open() {
  const bool reads_only = store_settings_.access == StoreAccess::kRead;
  try {
    tables_.Pass();
  } catch (const Unreachable& error) {
    if (reads_only) throw;
    LogWarning("engine", error.what());
    return;
  }
  try {
    newest_report_s_ = ReadNewestReport(Question(&cluster_));
    labels_ = ReadAllLabels(Question(&cluster_), "");
  } catch (const StoreError& error) {
    if (reads_only) throw;
    LogWarning("engine", error.what());
  }
}

void ClickHouseStore::StartToServe() {
  std::vector<Segment> found;
  spool_ = std::make_unique<Spool>(settings_.spool, uint64_t{settings_.spool_mb} << 20, metrics_, &found);
  delivery_ = std::make_unique<Delivery>(&cluster_, spool_.get(), judge_.owner(), &stamps_, metrics_);
  sent_ = std::make_unique<SentSegments>(&cluster_, spool_.get(), delivery_.get());
  judge_.Learn(labels_);
  sender_ = std::make_unique<Sender>(&cluster_, &tables_, spool_.get(), delivery_.get(), sent_.get(), std::move(found),
                                     [this] { rounds_->Wake(); });
  writer_ =
      std::make_unique<SpoolWriter>(settings_, spool_.get(), judge_.owner(), &stamps_, metrics_,
                                    [this](Segment segment, ClosedFor why) { sender_->Take(std::move(segment), why); });
  writer_->Learn(std::move(labels_));
  rounds_ = std::make_unique<Rounds>(
      &cluster_, &tables_, &judge_, &stamps_, sent_.get(),
      Rounds::Before{[this] { return OldestNotSentS(); }, [this] { return sender_->IsUnderLoad(); }}, store_settings_,
      now_, newest_report_s_, [this](std::vector<Label> labels) { writer_->Learn(std::move(labels)); });
  rounds_->Start();
  sender_->Start();
  writer_->Start();
}

bool ClickHouseStore::Submit(Batch batch, Done done) {
  return writer_ != nullptr && writer_->Submit(std::move(batch), std::move(done));
}

void ClickHouseStore::Stop() {
  gives_up_ = true;
  if (spool_ == nullptr) return;
  const auto until = Clock::now() + kStopWait;
  writer_->Stop();
  // What the engine does not take now stays in the spool.
  sender_->Stop(until);
  rounds_->Stop(until);
}

// From the first to the last: what moves on meanwhile is found twice and not never.
int64_t ClickHouseStore::OldestNotSentS() {
  const int64_t not_given_s = writer_->OldestS();
  return std::min(not_given_s, sender_->OldestS());
}

StoreHealth ClickHouseStore::Health() {
  StoreHealth health;
  health.newest_report_s = newest_report_s_;
  if (spool_ == nullptr) return health;
  const int64_t not_sent_s = OldestNotSentS();
  const int64_t not_judged_s = sent_->OldestS();
  const Rounds::State state = rounds_->state();
  health.why_not = writer_->trouble();
  health.ready = health.why_not.empty();
  health.newest_report_s = state.newest_report_s;
  health.complete_until_s = std::min({state.complete_until_s, not_sent_s - 1, not_judged_s - 1, now_()});
  return health;
}

void ClickHouseStore::Settle() {
  if (spool_ == nullptr) return;
  const auto until = Clock::now() + kSettleWait;
  if (writer_->CloseAll(until) && sender_->WaitUntilSent(until) && rounds_->Settle(until)) return;
  std::string trouble = "it takes long, or was stopped";
  for (const std::string& known : {writer_->trouble(), sender_->trouble(), rounds_->state().trouble}) {
    if (!known.empty()) trouble = known;
  }
  throw StoreError("the answers do not know yet all that was acknowledged: " + trouble);
}

void ClickHouseStore::Backup(const std::string&) {
  throw StoreError("a backup of ClickHouse is the engine's own task; CLUSTER.md says how");
}

Question ClickHouseStore::Ask() {
  return Question(&cluster_, std::chrono::seconds(store_settings_.question_limit_s), &gives_up_);
}

Attribution ClickHouseStore::QueryAttribution(const AttributionQuery& query) {
  return ReadAttribution(Ask(), query, now_());
}

std::vector<ConnectionView> ClickHouseStore::FindConnections(const std::string& app_id, const std::string& token_hash) {
  return ReadConnections(Ask(), app_id, token_hash, {now_(), store_settings_.join_window_s});
}

std::vector<ConnectionView> ClickHouseStore::FindConnectionsOfSession(const std::string& app_id,
                                                                      const std::string& session_id, uint32_t limit) {
  return ReadConnectionsOfSession(Ask(), app_id, session_id, limit, {now_(), store_settings_.join_window_s});
}

std::vector<ConnectionRow> ClickHouseStore::RecentConnections(const ConnectionQuery& query, uint32_t limit) {
  return ReadRecentConnections(Ask(), query, limit, now_());
}

void ClickHouseStore::VisitConnections(const ConnectionQuery& query,
                                       const std::function<bool(const ConnectionRow&)>& visit) {
  VisitConnectionRows(Ask(), query, now_(), visit);
}

std::vector<Finding> ClickHouseStore::QueryFindings(const ConnectionFilter& filter) {
  return ReadFindings(Ask(), filter);
}

std::vector<SessionView> ClickHouseStore::FindSessions(std::optional<int32_t> end, const std::string& app_id,
                                                       uint32_t limit) {
  return ReadSessions(Ask(), end, app_id, limit);
}

std::vector<SessionEndGroup> ClickHouseStore::QuerySessionEnds(const SessionFilter& filter) {
  return ReadSessionEnds(Ask(), filter);
}

Crashes ClickHouseStore::QueryCrashes(const SessionFilter& filter, uint32_t limit) {
  return ReadCrashes(Ask(), filter, limit);
}

bool ClickHouseStore::HasSession(const std::string& app_id, const std::string& session_id) {
  return ReadHasSession(Ask(), app_id, session_id);
}

std::vector<std::string> ClickHouseStore::ListApps() {
  std::vector<std::string> apps;
  for (const Label& label : ReadAllLabels(Ask(), "")) {
    if (label.app_id.empty() && label.dimension == "app") apps.push_back(label.value);
  }
  return apps;
}

std::vector<Label> ClickHouseStore::ListLabels(const std::string& app_id) {
  std::vector<Label> labels = ReadAllLabels(Ask(), app_id);
  labels.erase(std::remove_if(labels.begin(), labels.end(), [](const Label& label) { return !IsToChooseFrom(label); }),
               labels.end());
  return labels;
}

}  // namespace whydrop::collector::clickhouse
