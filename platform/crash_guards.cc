#include "platform/crash_guards.h"

#include <cstddef>

namespace whydrop::platform {
namespace {

constexpr int kMaxDepth = 4;
constexpr size_t kPlaces = 16;

std::atomic<uint64_t> noting[kPlaces] = {};
std::atomic<uint64_t> chain_owners[kPlaces] = {};
ChainGuard::Place chain_places[kPlaces] = {};  // each touched by its owner only

// The thread's own, else a free one. With all taken there is no guard, which only a circle would miss.
ChainGuard::Place* PlaceOf(uint64_t thread_id) {
  for (size_t i = 0; i < kPlaces; ++i) {
    if (chain_owners[i].load() == thread_id) return &chain_places[i];
  }
  for (size_t i = 0; i < kPlaces; ++i) {
    uint64_t free = 0;
    if (chain_owners[i].compare_exchange_strong(free, thread_id)) return &chain_places[i];
  }
  return nullptr;
}

}  // namespace

NoteGuard::NoteGuard(uint64_t thread_id) {
  for (std::atomic<uint64_t>& place : noting) {
    if (place.load() == thread_id) return;
  }
  for (std::atomic<uint64_t>& place : noting) {
    uint64_t free = 0;
    if (!place.compare_exchange_strong(free, thread_id)) continue;
    mine_ = &place;
    return;
  }
}

NoteGuard::~NoteGuard() {
  if (mine_ != nullptr) mine_->store(0);
}

ChainGuard::ChainGuard(uint64_t thread_id, const void* fault, const void* frame) : place_(PlaceOf(thread_id)) {
  if (place_ == nullptr) return;
  before_ = *place_;
  const bool deeper = before_.fault == fault && reinterpret_cast<uintptr_t>(frame) < before_.frame;
  place_->fault = fault;
  place_->frame = reinterpret_cast<uintptr_t>(frame);
  place_->depth = deeper ? before_.depth + 1 : 0;
}

ChainGuard::~ChainGuard() {
  if (place_ == nullptr) return;
  *place_ = before_;
  if (before_.fault == nullptr) chain_owners[place_ - chain_places].store(0);
}

bool ChainGuard::in_circle() const { return place_ != nullptr && place_->depth >= kMaxDepth; }

}  // namespace whydrop::platform
