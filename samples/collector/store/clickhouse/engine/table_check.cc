#include "samples/collector/store/clickhouse/engine/table_check.h"

#include "samples/collector/log_line.h"

namespace whydrop::collector::clickhouse {

void TableCheck::Pass() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (passed_) return;
  if (makes_) {
    try {
      cluster_->MakeTables();
    } catch (const Unreachable& error) {
      // A node that is away has its tables, or gets them from the next collector that starts.
      LogWarning("engine", error.what());
    }
  }
  cluster_->CheckTables();
  passed_ = true;
}

}  // namespace whydrop::collector::clickhouse
