// The labels that apps have sent, as one collector remembers them: those it has seen, and those that it has read from
// the engine, which others have seen.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_LABELS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_LABELS_H

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "samples/collector/store/sender_limits.h"

namespace whydrop::collector::clickhouse {

class KnownLabels : public LabelLimits {
 public:
  using LabelLimits::LabelLimits;

  // Labels that are in the engine already.
  void Learn(const std::vector<Label>& labels);
  // Those that are new since the last call, to be put there.
  std::vector<Label> TakeNew() { return std::exchange(new_, {}); }
  // After new ones were not kept.
  void Forget();

 protected:
  bool Keep(const std::string& app_id, const std::string& dimension, const std::string& value, size_t limit) override;

 private:
  std::unordered_set<std::string>& ValuesOf(const std::string& app_id, const std::string& dimension);

  std::unordered_map<std::string, std::unordered_set<std::string>> values_;  // by app and dimension
  std::vector<Label> new_;
  std::string name_;  // what is asked for, in memory that stays: it is asked for with every record
};

}  // namespace whydrop::collector::clickhouse

#endif
