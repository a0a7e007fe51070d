// Nothing is read from tables and nothing written into them before it is known that they fit.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_TABLE_CHECK_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_TABLE_CHECK_H

#include <mutex>

#include "samples/collector/store/clickhouse/engine/cluster.h"

namespace whydrop::collector::clickhouse {

class TableCheck {
 public:
  // `makes`: makes first what is missing.
  TableCheck(Cluster* cluster, bool makes) : cluster_(cluster), makes_(makes) {}

  // Returns at once after it was passed. Throws Unreachable, to be tried again, and StoreError that says what does not
  // fit.
  void Pass();

 private:
  Cluster* const cluster_;
  const bool makes_;
  std::mutex mutex_;
  bool passed_ = false;
};

}  // namespace whydrop::collector::clickhouse

#endif
