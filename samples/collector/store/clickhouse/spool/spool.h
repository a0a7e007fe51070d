// What was acknowledged and is not in the engine yet: rows in files of a directory of this machine. A file is a
// segment: it grows while batches arrive, is closed, and its bytes never change again, so that the engine can tell a
// block that comes twice.
//
// A spool directory serves several collectors: each locks a directory of its own in it, and takes over what it finds in
// those that nobody locks.
//
// Thread rule: one thread appends and closes; Load and Remove from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_H

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "samples/collector/store/clickhouse/engine/tables.h"

namespace whydrop::collector::clickhouse {

struct SpooledRow {
  Table table = Table::kRecords;
  uint64_t key_hash = 0;  // rows of one key go to one shard
  std::string bytes;      // RowBinary
};

// Of one batch.
struct SpooledBatch {
  int64_t received_s = 0;
  std::vector<SpooledRow> rows;
};

struct Segment {
  std::string path;
  uint64_t bytes = 0;
  int64_t received_s = 0;  // of its newest batch
  size_t rows = 0;
};

class Spool {
 public:
  // Throws StoreError. `found` gets what an earlier collector left, the oldest first.
  Spool(const std::string& directory, uint64_t max_bytes, std::vector<Segment>* found);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Durable when it returns. Throws StoreError and keeps nothing if the disk is full or the spool is.
  void Append(const std::vector<SpooledBatch>& batches);

  const Segment& open() const { return open_; }  // rows == 0: there is none
  Segment Close();

  // The batches of a segment, up to a damaged or unfinished end: that was never acknowledged. Throws StoreError if the
  // file cannot be read, for want of a descriptor too: it stays then.
  static std::vector<SpooledBatch> Load(const Segment& segment);
  void Remove(const Segment& segment);

  uint64_t bytes() const { return bytes_; }
  uint64_t max_bytes() const { return max_bytes_; }

 private:
  void LockDirectory(const std::string& parent);
  void TakeOver(const std::string& parent);
  void OpenSegment();

  const uint64_t max_bytes_;
  std::string directory_;
  int lock_fd_ = -1;
  int fd_ = -1;
  uint64_t next_name_ = 0;
  Segment open_;
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace whydrop::collector::clickhouse

#endif
