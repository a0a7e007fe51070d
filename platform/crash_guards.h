// What keeps a crash handler from running into itself: a fault of its own work, and handlers that call each other in a
// circle. Thread-local storage could be allocated at first use, which a handler must not do, so the threads inside
// stand in small tables.
//
// Thread rule: any thread, inside crash handlers; signal-safe.
#ifndef WHYDROP_PLATFORM_CRASH_GUARDS_H
#define WHYDROP_PLATFORM_CRASH_GUARDS_H

#include <atomic>
#include <cstdint>

namespace whydrop::platform {

// Held while a thread takes a note of its crash: a fault of the note itself must not lead to another one.
class NoteGuard {
 public:
  explicit NoteGuard(uint64_t thread_id);
  ~NoteGuard();
  NoteGuard(const NoteGuard&) = delete;
  NoteGuard& operator=(const NoteGuard&) = delete;
  bool entered() const { return mine_ != nullptr; }

 private:
  std::atomic<uint64_t>* mine_ = nullptr;
};

// Notices handlers that call each other in a circle: one that was there before us and put itself over us again later.
// The same fault then comes back to the same thread from deeper in its stack. A handler that jumped out leaves its
// entry behind, so coming back a few times must be allowed. `fault` is where the system describes the fault.
class ChainGuard {
 public:
  ChainGuard(uint64_t thread_id, const void* fault, const void* frame);
  ~ChainGuard();
  ChainGuard(const ChainGuard&) = delete;
  ChainGuard& operator=(const ChainGuard&) = delete;
  bool in_circle() const;

  struct Place {
    const void* fault = nullptr;
    uintptr_t frame = 0;
    int depth = 0;
  };

 private:
  Place* place_ = nullptr;
  Place before_;
};

}  // namespace whydrop::platform

#endif
