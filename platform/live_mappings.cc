#include "platform/live_mappings.h"

#include <atomic>

namespace whydrop::platform {
namespace {

// `start` is published last and cleared first; a reader that sees a start of zero skips the entry. Constant-initialised:
// a handler may come before or after any static constructor.
struct LiveMapping {
  std::atomic<uintptr_t> start{0};
  std::atomic<size_t> size{0};
  std::atomic<bool> taken{false};
};
LiveMapping live_mappings[64];

}  // namespace

bool RememberMapping(const void* data, size_t size) {
  for (LiveMapping& mapping : live_mappings) {
    if (mapping.taken.exchange(true, std::memory_order_acquire)) continue;
    mapping.size.store(size, std::memory_order_relaxed);
    mapping.start.store(reinterpret_cast<uintptr_t>(data), std::memory_order_release);
    return true;
  }
  return false;
}

void ForgetMapping(const void* data) {
  for (LiveMapping& mapping : live_mappings) {
    if (mapping.start.load(std::memory_order_acquire) != reinterpret_cast<uintptr_t>(data)) continue;
    mapping.start.store(0, std::memory_order_relaxed);
    mapping.taken.store(false, std::memory_order_release);
  }
}

bool FindMapping(uintptr_t address, uintptr_t* start, size_t* size) {
  for (const LiveMapping& mapping : live_mappings) {
    *start = mapping.start.load(std::memory_order_acquire);
    *size = mapping.size.load(std::memory_order_relaxed);
    if (*start != 0 && address >= *start && address - *start < *size) return true;
  }
  return false;
}

}  // namespace whydrop::platform
