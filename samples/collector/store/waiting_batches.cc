#include "samples/collector/store/waiting_batches.h"

#include <algorithm>
#include <utility>

namespace whydrop::collector {
namespace {

constexpr size_t kMaxBatches = 4096;
// A record takes about 1 KiB while it waits. Without this bound a queue of the largest batches would take 10 GiB.
constexpr size_t kMaxRecords = 128 * 1024;

}  // namespace

bool WaitingBatches::Add(Batch batch, Store::Done done) {
  if (batches_.size() >= kMaxBatches || records_ >= kMaxRecords) return false;
  const size_t records = batch.connections.size() + batch.close_totals.size();
  records_ += records;
  batches_.push_back({std::move(batch), std::move(done), records, StoreVerdict::kUnavailable});
  return true;
}

bool WaitingBatches::MoveTo(std::vector<PendingBatch>* group, size_t most) {
  const size_t count = std::min(batches_.size(), most - group->size());
  for (size_t i = 0; i < count; ++i) {
    group->push_back(std::move(batches_.front()));
    batches_.pop_front();
  }
  return count != 0;
}

void WaitingBatches::Release(const std::vector<PendingBatch>& group) {
  for (const PendingBatch& pending : group) records_ -= pending.records;
}

}  // namespace whydrop::collector
