// Batches that wait for the thread of a store that writes them, bounded in number and in what they hold.
//
// Thread rule: under the lock of whoever has it.
#ifndef WHYDROP_COLLECTOR_STORE_WAITING_BATCHES_H
#define WHYDROP_COLLECTOR_STORE_WAITING_BATCHES_H

#include <cstddef>
#include <deque>
#include <vector>

#include "samples/collector/store/store.h"

namespace whydrop::collector {

struct PendingBatch {
  Batch batch;
  Store::Done done;
  size_t records;
  StoreVerdict verdict;
};

class WaitingBatches {
 public:
  // False, and it is not taken: too much waits, or is being written.
  bool Add(Batch batch, Store::Done done);

  // Puts the oldest behind those in `group`, until these are `most`. False: it put none there.
  bool MoveTo(std::vector<PendingBatch>* group, size_t most);

  // These were written and answered.
  void Release(const std::vector<PendingBatch>& group);

  bool empty() const { return batches_.empty(); }
  size_t size() const { return batches_.size(); }
  size_t records() const { return records_; }  // with those being written

 private:
  std::deque<PendingBatch> batches_;
  size_t records_ = 0;
};

}  // namespace whydrop::collector

#endif
