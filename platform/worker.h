// One background thread and the thing it waits on.
//
// Thread rule: Wake from any thread (not from signal handlers); Wait on the worker; Start and Join on the owner.
#ifndef WHYDROP_PLATFORM_WORKER_H
#define WHYDROP_PLATFORM_WORKER_H

#include <cstdint>

#include "platform/status.h"

namespace whydrop::platform {

class Waiter {
 public:
  Waiter() = default;
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  Status Open();
  // Does nothing once the game has closed what the waiter waits on: then the time is what ends each wait.
  void Wake();
  // Until woken, `extra` is readable (-1: none), or the time is over.
  void Wait(uint32_t timeout_ms, intptr_t extra);

 private:
  intptr_t handle_ = -1;
  intptr_t wake_handle_ = -1;  // where waking has a handle of its own
  uint64_t named_ = 0;         // what both name, where a game may close them (linux/own_descriptor.h)
};

class WorkerThread {
 public:
  WorkerThread() = default;
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  // Runs `body(user)` on a new thread named `name` with every signal blocked that the game may handle, at low priority.
  Status Start(const char* name, void (*body)(void*), void* user);
  // Waits up to `timeout_ms` for the body to return; true: it has, and the thread is gone. False: it runs on, detached in
  // effect; call again later.
  bool Join(uint32_t timeout_ms);
  bool started() const { return started_; }

 private:
  bool started_ = false;
  void* shared_ = nullptr;
};

}  // namespace whydrop::platform

#endif
