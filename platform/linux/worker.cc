#include "platform/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <new>

#include "platform/identity.h"
#include "platform/last_error.h"
#include "platform/linux/errno_status.h"
#include "platform/linux/own_descriptor.h"

namespace whydrop::platform {
namespace {

// Enough for an HTTP client with TLS, which runs on this thread.
constexpr size_t kStackBytes = 512 * 1024;
constexpr int kNiceness = 10;

// What owner and thread share. It belongs to whoever joins: an owner that gave up waiting leaves it to the thread for
// good.
struct SharedThread {
  pthread_t thread = {};
  char name[16] = {};
  void (*body)(void*) = nullptr;
  void* user = nullptr;
  std::mutex mutex;
  std::condition_variable finished;
  bool done = false;
};

void* RunThread(void* argument) {
  auto* shared = static_cast<SharedThread*>(argument);
  pthread_setname_np(pthread_self(), shared->name);
  // Fails without harm where limits forbid it.
  setpriority(PRIO_PROCESS, static_cast<id_t>(CurrentThreadId()), kNiceness);
  shared->body(shared->user);
  const std::lock_guard<std::mutex> lock(shared->mutex);
  shared->done = true;
  shared->finished.notify_all();
  return nullptr;
}

// The game's signals belong to the game's threads. A fault of this thread must still reach the crash handlers: blocked,
// it would end the process at once.
sigset_t SignalsToBlock() {
  sigset_t set;
  sigfillset(&set);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&set, signal);
  return set;
}

int CreateThread(SharedThread* shared) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  // Refused where static thread-local data alone is larger; the default size is then as good.
  pthread_attr_setstacksize(&attributes, kStackBytes);
  const sigset_t blocked = SignalsToBlock();
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  error = pthread_create(&shared->thread, &attributes, RunThread, shared);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

Waiter::~Waiter() {
  CloseIfStill(handle_, named_);
  CloseIfStill(wake_handle_, named_);
}

// A pipe and no eventfd: its ends can be told from what the game opens once it has closed them.
Status Waiter::Open() {
  if (handle_ >= 0) return OkStatus();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return StatusFromErrno(errno);
  handle_ = ends[0];
  wake_handle_ = ends[1];
  named_ = WhatIsNamed(handle_);
  return OkStatus();
}

void Waiter::Wake() {
  const LastErrorKeeper keep_errno;
  if (!StillNames(wake_handle_, named_)) return;
  // Refused only when the pipe is full: then the waiter is awake already.
  [[maybe_unused]] const ssize_t written = write(static_cast<int>(wake_handle_), "", 1);
}

void Waiter::Wait(uint32_t timeout_ms, intptr_t extra) {
  const int timeout = timeout_ms > INT32_MAX ? INT32_MAX : static_cast<int>(timeout_ms);
  if (!StillNames(handle_, named_)) {
    poll(nullptr, 0, timeout);
    return;
  }
  pollfd descriptors[2] = {{static_cast<int>(handle_), POLLIN, 0}, {static_cast<int>(extra), POLLIN, 0}};
  // A negative descriptor is ignored by poll. An interrupted wait is over early, which every caller must bear anyway.
  poll(descriptors, 2, timeout);
  // A descriptor that was closed a moment ago, or a pipe whose other end was, must not make a busy loop.
  const int revents = descriptors[0].revents | descriptors[1].revents;
  if ((revents & (POLLNVAL | POLLHUP)) != 0) poll(nullptr, 0, timeout);
  if (descriptors[0].revents == 0 || !StillNames(handle_, named_)) return;
  char taken[64];
  [[maybe_unused]] const ssize_t count = read(static_cast<int>(handle_), taken, sizeof(taken));
}

Status WorkerThread::Start(const char* name, void (*body)(void*), void* user) {
  if (started_) return {StatusKind::kInvalid, 0};
  auto* shared = new (std::nothrow) SharedThread;
  if (shared == nullptr) return {StatusKind::kNoMemory, 0};
  strncpy(shared->name, name, sizeof(shared->name) - 1);
  shared->body = body;
  shared->user = user;
  const int error = CreateThread(shared);
  if (error != 0) {
    delete shared;
    return StatusFromErrno(error);
  }
  shared_ = shared;
  started_ = true;
  return OkStatus();
}

bool WorkerThread::Join(uint32_t timeout_ms) {
  if (!started_) return true;
  auto* shared = static_cast<SharedThread*>(shared_);
  {
    std::unique_lock<std::mutex> lock(shared->mutex);
    const auto is_done = [shared] { return shared->done; };
    if (!shared->finished.wait_for(lock, std::chrono::milliseconds(timeout_ms), is_done)) return false;
  }
  pthread_join(shared->thread, nullptr);
  delete shared;
  shared_ = nullptr;
  started_ = false;
  return true;
}

}  // namespace whydrop::platform
