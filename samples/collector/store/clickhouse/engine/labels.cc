#include "samples/collector/store/clickhouse/engine/labels.h"

namespace whydrop::collector::clickhouse {

std::unordered_set<std::string>& KnownLabels::ValuesOf(const std::string& app_id, const std::string& dimension) {
  name_.assign(app_id).append(1, '\0').append(dimension);
  return values_[name_];
}

void KnownLabels::Learn(const std::vector<Label>& labels) {
  for (const Label& label : labels) ValuesOf(label.app_id, label.dimension).insert(label.value);
}

void KnownLabels::Forget() {
  values_.clear();
  new_.clear();
}

bool KnownLabels::Keep(const std::string& app_id, const std::string& dimension, const std::string& value,
                       size_t limit) {
  std::unordered_set<std::string>& known = ValuesOf(app_id, dimension);
  if (known.count(value) != 0) return true;
  if (known.size() >= limit) return false;
  known.insert(value);
  new_.push_back({app_id, dimension, value});
  return true;
}

}  // namespace whydrop::collector::clickhouse
