#include "samples/collector/store/sqlite/labels.h"

namespace whydrop::collector {
namespace {

constexpr size_t kMaxKnown = 100000;  // remembered beside the table; beyond it they are looked up again

}  // namespace

LabelTable::LabelTable(Database* db, Metrics* metrics)
    : LabelLimits(metrics),
      find_(*db, "SELECT 1 FROM labels WHERE app_id = ? AND dimension = ? AND value = ?"),
      count_(*db, "SELECT count(*) FROM labels WHERE app_id = ? AND dimension = ?"),
      add_(*db, "INSERT INTO labels VALUES (?, ?, ?)") {}

bool LabelTable::Keep(const std::string& app_id, const std::string& dimension, const std::string& value, size_t limit) {
  name_.assign(app_id).append(1, '\0').append(dimension).append(1, '\0').append(value);
  if (known_.count(name_) != 0) return true;
  find_.Text(app_id).Text(dimension).Text(value);
  const bool known = find_.Step();
  find_.Reset();
  if (!known) {
    count_.Text(app_id).Text(dimension).Step();
    const auto count = static_cast<size_t>(count_.IntAt(0));
    count_.Reset();
    if (count >= limit) return false;
    add_.Text(app_id).Text(dimension).Text(value).Execute();
  }
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.insert(name_);
  return true;
}

}  // namespace whydrop::collector
