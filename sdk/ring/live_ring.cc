#include "ring/live_ring.h"

#include <algorithm>

#include "core/bytes.h"
#include "ring/ring_format.h"
#include "ring/ring_reader_parts.h"

namespace whydrop {
namespace {

// Appends to `copy` what lies in the ring from `offset` on.
void Take(const RingWriter& ring, size_t offset, size_t size, std::vector<uint8_t>* copy) {
  const size_t end = copy->size();
  copy->resize(end + size);
  CopyLiveRing(ring.bytes() + offset, size, copy->data() + end);
}

void TakePlaces(const RingWriter& ring, size_t offset, uint32_t slots, const Places& places,
                std::vector<uint8_t>* copy) {
  const auto first = static_cast<size_t>(places.first % slots);
  const auto count = static_cast<size_t>(places.count);
  const size_t until_end = std::min<size_t>(count, slots - first);
  Take(ring, offset + first * kSlotBytes, until_end * kSlotBytes, copy);
  Take(ring, offset, (count - until_end) * kSlotBytes, copy);
}

// The first index of the places whose record is still to come; later ones may be there already.
uint64_t FirstUnfinished(const uint8_t* slots, const Places& places) {
  uint64_t n = 0;
  while (n < places.count && LoadLe<uint64_t>(slots + n * kSlotBytes) >= StateOf(places.first + n, kSlotCommitted)) ++n;
  return places.first + n;
}

}  // namespace

// The order of the copy is that of the ring: a connection that is found open ends later than everything sealed before,
// and of what the close totals count the records are found behind them.
Status LiveRing::Read(RingContents* out) {
  const RingLayout& layout = writer_->layout();
  const LifePage* life = writer_->life();
  // What was not told is marked again, beside what changed meanwhile.
  for (const uint32_t slot : changed_) writer_->changed_slots().Mark(slot);
  changed_.clear();
  writer_->changed_slots().Take(&changed_);

  LivePart part{&changed_, {}, {}};
  std::vector<uint8_t> copy;
  copy.reserve(part.key_at(layout));
  Take(*writer_, 0, layout.connections, &copy);
  for (const uint32_t slot : changed_) {
    Take(*writer_, layout.connections + slot * kConnectionBytes, kConnectionBytes, &copy);
  }
  Take(*writer_, layout.totals, kTotalsBytes, &copy);
  part.key = PlacesOf(life->sealed_index.load(std::memory_order_relaxed),
                      life->key_tail.load(std::memory_order_relaxed), layout.key_slots);
  TakePlaces(*writer_, layout.key, layout.key_slots, part.key, &copy);
  part.flow = PlacesOf(flow_told_, life->flow_tail.load(std::memory_order_relaxed), layout.flow_slots);
  TakePlaces(*writer_, layout.flow, layout.flow_slots, part.flow, &copy);
  flow_read_ = FirstUnfinished(copy.data() + part.flow_at(layout), part.flow);
  return ReadRingPart(copy, part, out);
}

void LiveRing::Told() {
  changed_.clear();
  flow_told_ = flow_read_;
}

}  // namespace whydrop
