#include "platform/worker.h"

#include <process.h>
#include <windows.h>

#include <initializer_list>
#include <new>

#include "platform/last_error.h"
#include "platform/process.h"
#include "platform/windows/error_status.h"
#include "platform/windows/handle.h"

namespace whydrop::platform {
namespace {

// Enough for an HTTP client with TLS, which runs on this thread.
constexpr unsigned kStackBytes = 512 * 1024;

struct SharedThread {
  Handle thread;
  wchar_t name[16] = {};
  void (*body)(void*) = nullptr;
  void* user = nullptr;
};

// For debuggers, on systems that know it (Windows 10 1607).
void NameThisThread(const wchar_t* name) {
  static const char* const kKernel[] = {"kernel32.dll"};
  using SetDescription = HRESULT(WINAPI*)(HANDLE, const wchar_t*);
  const auto set = reinterpret_cast<SetDescription>(FindSymbol(LoadLibraryByName(kKernel, 1), "SetThreadDescription"));
  if (set != nullptr) set(GetCurrentThread(), name);
}

unsigned __stdcall RunThread(void* argument) {
  const auto* shared = static_cast<const SharedThread*>(argument);
  NameThisThread(shared->name);
  SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
  shared->body(shared->user);
  return 0;
}

HANDLE System(intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

}  // namespace

Waiter::~Waiter() {
  if (handle_ != -1) Handle::CloseOwned(System(handle_));
}

Status Waiter::Open() {
  if (handle_ != -1) return OkStatus();
  Handle event(CreateEventW(nullptr, FALSE, FALSE, nullptr));
  if (!event) return StatusFromWindows(GetLastError());
  handle_ = reinterpret_cast<intptr_t>(event.Release());
  return OkStatus();
}

void Waiter::Wake() {
  const LastErrorKeeper keep_error;
  if (handle_ != -1) SetEvent(System(handle_));
}

void Waiter::Wait(uint32_t timeout_ms, intptr_t extra) {
  HANDLE handles[2];
  DWORD count = 0;
  for (const intptr_t handle : {handle_, extra}) {
    if (handle != -1) handles[count++] = System(handle);
  }
  // Without anything to wait on only the time is left, not a busy loop.
  if (count == 0 || WaitForMultipleObjects(count, handles, FALSE, timeout_ms) == WAIT_FAILED) Sleep(timeout_ms);
}

Status WorkerThread::Start(const char* name, void (*body)(void*), void* user) {
  if (started_) return {StatusKind::kInvalid, 0};
  auto* shared = new (std::nothrow) SharedThread;
  if (shared == nullptr) return {StatusKind::kNoMemory, 0};
  for (size_t i = 0; i + 1 < sizeof(shared->name) / sizeof(wchar_t) && name[i] != '\0'; ++i) {
    shared->name[i] = static_cast<wchar_t>(name[i]);
  }
  shared->body = body;
  shared->user = user;
  // Made asleep, so that its handle is kept before it can end.
  const uintptr_t thread = _beginthreadex(nullptr, kStackBytes, RunThread, shared,
                                          CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (thread == 0) {
    const Status status = StatusFromWindows(GetLastError());
    delete shared;
    return status;
  }
  shared->thread = Handle(reinterpret_cast<HANDLE>(thread));
  ResumeThread(shared->thread.get());
  shared_ = shared;
  started_ = true;
  return OkStatus();
}

bool WorkerThread::Join(uint32_t timeout_ms) {
  if (!started_) return true;
  auto* shared = static_cast<SharedThread*>(shared_);
  if (WaitForSingleObject(shared->thread.get(), timeout_ms) != WAIT_OBJECT_0) return false;
  delete shared;
  shared_ = nullptr;
  started_ = false;
  return true;
}

}  // namespace whydrop::platform
