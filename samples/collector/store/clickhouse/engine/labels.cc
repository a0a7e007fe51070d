#include "samples/collector/store/clickhouse/engine/labels.h"

namespace whydrop::collector::clickhouse {
namespace {

std::string NameOf(const std::string& app_id, const std::string& dimension) { return app_id + '\0' + dimension; }

}  // namespace

void KnownLabels::Learn(const std::vector<Label>& labels) {
  for (const Label& label : labels) values_[NameOf(label.app_id, label.dimension)].insert(label.value);
}

void KnownLabels::Forget() {
  values_.clear();
  new_.clear();
}

bool KnownLabels::Keep(const std::string& app_id, const std::string& dimension, const std::string& value,
                       size_t limit) {
  std::unordered_set<std::string>& known = values_[NameOf(app_id, dimension)];
  if (known.count(value) != 0) return true;
  if (known.size() >= limit) return false;
  known.insert(value);
  new_.push_back({app_id, dimension, value});
  return true;
}

}  // namespace whydrop::collector::clickhouse
