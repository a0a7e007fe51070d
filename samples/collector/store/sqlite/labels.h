// The labels that apps have sent, and the limit to how many of them are told apart. One app must not be able to fill
// the tables, or the page, with values that it makes up: what is beyond the limit becomes "(other)".
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_LABELS_H
#define WHYDROP_COLLECTOR_SQLITE_LABELS_H

#include <string>
#include <unordered_set>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class LabelTable {
 public:
  LabelTable(Database* db, Metrics* metrics);

  bool AdmitApp(const std::string& app_id);  // false: there are too many already
  void Fold(Batch* batch);
  std::string FoldServerError(const std::string& app_id, std::string server_error);

  // Drops what is remembered of rows that a rollback took away.
  void Forget() { known_.clear(); }

 private:
  bool Admit(const std::string& app_id, const std::string& dimension, std::string* value, size_t limit);

  Metrics* metrics_;
  Statement find_, count_, add_;
  std::unordered_set<std::string> known_;
};

}  // namespace whydrop::collector

#endif
