// The labels that apps have sent, in a table.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_LABELS_H
#define WHYDROP_COLLECTOR_SQLITE_LABELS_H

#include <string>
#include <unordered_set>

#include "samples/collector/store/sender_limits.h"
#include "samples/collector/store/sqlite/db.h"

namespace whydrop::collector {

class LabelTable : public LabelLimits {
 public:
  LabelTable(Database* db, Metrics* metrics);

  // Drops what is remembered of rows that a rollback took away.
  void Forget() { known_.clear(); }

 protected:
  bool Keep(const std::string& app_id, const std::string& dimension, const std::string& value, size_t limit) override;

 private:
  Statement find_, count_, add_;
  std::unordered_set<std::string> known_;
  std::string name_;  // what is looked for, kept for its memory
};

}  // namespace whydrop::collector

#endif
