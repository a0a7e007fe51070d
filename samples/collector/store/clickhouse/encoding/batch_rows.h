// The rows of one batch in the engine's tables. What they have in common is encoded once.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_BATCH_ROWS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_BATCH_ROWS_H

#include <cstdint>
#include <string>
#include <string_view>

#include "samples/collector/model/records.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/spool/frames.h"

namespace whydrop::collector::clickhouse {

// Columns of `records` that differ between a connection record, a close total and a session.
struct RecordRow {
  std::string_view join_key;
  uint32_t number = 0;  // of a close total: its place in the batch
  bool has_token = false;
  bool open = false;
  bool recovered = false;
  bool next_refused = false;
  bool linked = false;
  bool is_session = false;
  std::string_view endpoint;
  std::string_view network;
  std::string_view evidence;
  int64_t at_s = 0;
  uint64_t counted = 0;
  Cause cause = 0;
};

class BatchRows {
 public:
  // `owner`: of the work that rows make. All but that must outlive it.
  BatchRows(const Batch& batch, uint64_t received_us, uint32_t owner, SpooledBatch* out);

  void PutLabel(std::string_view app_id, std::string_view dimension, std::string_view value);
  void PutSession();
  // With the work that it makes.
  void PutRecord(const RecordRow& record);
  // Says by which key the record of a connection is found.
  void PutLink(std::string_view link_key, std::string_view join_key);
  void PutAttempt(std::string_view link_key, const ConnectionRecord& attempt);
  void PutWork(std::string_view join_key);

 private:
  RowWriter& Begin();
  void PutWorkFor(std::string_view join_key, uint64_t key_hash);

  const Batch& batch_;
  const std::string_view session_id_;
  const uint64_t received_us_;
  const uint32_t owner_;
  const uint64_t identity_;  // of the batch as this collector received it
  SpooledBatch* const out_;
  RowWriter row_;             // the one that is made
  std::string day_and_app_;   // which most rows begin with
  std::string day_and_due_;   // of work
  std::string session_tail_;  // what rows of `records` end with
};

}  // namespace whydrop::collector::clickhouse

#endif
