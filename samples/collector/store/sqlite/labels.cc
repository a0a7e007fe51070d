#include "samples/collector/store/sqlite/labels.h"

#include "samples/collector/store/groups.h"

namespace whydrop::collector {
namespace {

constexpr size_t kMaxApps = 1000;
constexpr size_t kMaxLabels = 1000;  // values of one dimension of one app
constexpr size_t kMaxTagKeys = 64;
constexpr size_t kMaxServerErrors = 200;
constexpr size_t kMaxKnown = 100000;  // remembered beside the table; beyond it they are looked up again
constexpr const char* kOther = "(other)";

}  // namespace

LabelTable::LabelTable(Database* db, Metrics* metrics)
    : metrics_(metrics),
      find_(*db, "SELECT 1 FROM labels WHERE app_id = ? AND dimension = ? AND value = ?"),
      count_(*db, "SELECT count(*) FROM labels WHERE app_id = ? AND dimension = ?"),
      add_(*db, "INSERT INTO labels VALUES (?, ?, ?)") {}

bool LabelTable::AdmitApp(const std::string& app_id) {
  std::string app = app_id;
  return Admit("", "app", &app, kMaxApps);
}

bool LabelTable::Admit(const std::string& app_id, const std::string& dimension, std::string* value, size_t limit) {
  if (value->empty()) return true;
  std::string name = app_id + '\0' + dimension + '\0' + *value;
  if (known_.count(name) != 0) return true;
  find_.Text(app_id).Text(dimension).Text(*value);
  const bool known = find_.Step();
  find_.Reset();
  if (!known) {
    count_.Text(app_id).Text(dimension).Step();
    const auto count = static_cast<size_t>(count_.IntAt(0));
    count_.Reset();
    if (count >= limit) {
      metrics_->Add(Counter::kLabelsFolded);
      *value = kOther;
      return false;
    }
    add_.Text(app_id).Text(dimension).Text(*value).Execute();
  }
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.insert(std::move(name));
  return true;
}

void LabelTable::Fold(Batch* batch) {
  const std::string& app_id = batch->session.app_id;
  Admit(app_id, batch->session.role == Role::kClient ? "app_version" : "server_version", &batch->session.app_version,
        kMaxLabels);
  for (auto& [key, value] : batch->session.tags) {
    if (Admit(app_id, "tag", &key, kMaxTagKeys)) {
      Admit(app_id, kTagPrefix + key, &value, kMaxLabels);
    } else {
      value = kOther;
    }
  }
  for (ConnectionRecord& record : batch->connections) {
    Admit(app_id, "endpoint", &record.endpoint, kMaxLabels);
    Admit(app_id, "network", &record.network, kMaxLabels);
  }
  for (CloseTotalRecord& total : batch->close_totals) Admit(app_id, "endpoint", &total.endpoint, kMaxLabels);
}

std::string LabelTable::FoldServerError(const std::string& app_id, std::string server_error) {
  Admit(app_id, "server_error", &server_error, kMaxServerErrors);
  return server_error;
}

}  // namespace whydrop::collector
