// Batches for a spool, and what is in them.
#ifndef WHYDROP_COLLECTOR_TESTS_SPOOL_ROWS_H
#define WHYDROP_COLLECTOR_TESTS_SPOOL_ROWS_H

#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/spool/frames.h"

namespace whydrop::collector::clickhouse {

inline const std::string kMark = "0123456789abcdef";

inline SpooledBatch Rows(const std::string& bytes) {
  SpooledBatch batch;
  batch.received_s = 1700000000;
  batch.Add(Table::kRecords, 7, bytes);
  return batch;
}

inline std::string Frame(const std::string& mark, uint32_t number, const SpooledBatch& batch) {
  std::string frame;
  AppendFrame(mark, number, batch, &frame);
  return frame;
}

inline std::string Content(const std::vector<ReadBatch>& batches) {
  std::string all;
  for (const ReadBatch& batch : batches) {
    for (const SpooledRow& row : batch.rows) all += row.bytes;
  }
  return all;
}

}  // namespace whydrop::collector::clickhouse

#endif
