#include "samples/collector/store/sender_limits.h"

#include "samples/collector/store/groups.h"

namespace whydrop::collector {
namespace {

constexpr size_t kMaxApps = 1000;
constexpr size_t kMaxLabels = 1000;  // values of one dimension of one app
constexpr size_t kMaxTagKeys = 64;
constexpr size_t kMaxServerErrors = 200;
constexpr const char* kOther = "(other)";

}  // namespace

bool LabelLimits::AdmitApp(const std::string& app_id) {
  std::string app = app_id;
  return Admit("", "app", &app, kMaxApps);
}

bool LabelLimits::Admit(const std::string& app_id, const std::string& dimension, std::string* value, size_t limit) {
  if (value->empty() || Keep(app_id, dimension, *value, limit)) return true;
  metrics_->Add(Counter::kLabelsFolded);
  *value = kOther;
  return false;
}

void LabelLimits::Fold(Batch* batch) {
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

std::string LabelLimits::FoldServerError(const std::string& app_id, std::string server_error) {
  Admit(app_id, "server_error", &server_error, kMaxServerErrors);
  return server_error;
}

bool IsToChooseFrom(const Label& label) {
  return label.dimension != "app" && label.dimension != "tag" && label.dimension != "server_version" &&
         label.dimension != "server_error";
}

std::map<std::string, std::string> TagsOf(const SessionInfo& info) {
  std::map<std::string, std::string> tags;
  for (const auto& [key, value] : info.tags) {
    if (!value.empty()) tags[key] = value;
  }
  return tags;
}

}  // namespace whydrop::collector
