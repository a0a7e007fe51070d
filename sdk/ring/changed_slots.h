// Which slots of the connection table changed since they were last taken: what a running server's next rotation has to
// look at, however many connections stand unchanged beside them.
//
// Thread rule: Mark from any thread, lock-free; Start before all others; Take on one thread.
#ifndef WHYDROP_RING_CHANGED_SLOTS_H
#define WHYDROP_RING_CHANGED_SLOTS_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace whydrop {

class ChangedSlots {
 public:
  void Start(uint32_t slots) {
    words_count_ = (slots + 63) / 64;
    words_ = std::make_unique<std::atomic<uint64_t>[]>(words_count_);
    for (uint32_t i = 0; i < words_count_; ++i) words_[i].store(0, std::memory_order_relaxed);
  }
  // After the change, so that whoever takes the mark sees it.
  void Mark(uint32_t slot) {
    // Release: partner of the acquire in Take.
    words_[slot / 64].fetch_or(uint64_t{1} << slot % 64, std::memory_order_release);
  }
  // Appends the marked slots in order and clears their marks.
  void Take(std::vector<uint32_t>* out) {
    for (uint32_t i = 0; i < words_count_; ++i) {
      if (words_[i].load(std::memory_order_relaxed) == 0) continue;
      uint64_t marks = words_[i].exchange(0, std::memory_order_acquire);
      for (uint32_t slot = 64 * i; marks != 0; marks >>= 1, ++slot) {
        if ((marks & 1) != 0) out->push_back(slot);
      }
    }
  }

 private:
  uint32_t words_count_ = 0;
  std::unique_ptr<std::atomic<uint64_t>[]> words_;
};

}  // namespace whydrop

#endif
