#include "platform/network_watch.h"

#include <winsock2.h>

#include <new>

#include "platform/clock.h"
#include "platform/identity.h"
#include "platform/route.h"
#include "platform/windows/error_status.h"
#include "platform/windows/handle.h"
#include "platform/windows/network_events.h"

namespace whydrop::platform {
namespace {

constexpr size_t kQueuedEvents = 256;
// Wine takes the registrations and never calls back, so there the state is looked at this often.
constexpr uint64_t kLookMs = 2000;

// Filled on threads of the system, emptied by the worker.
class EventQueue {
 public:
  Status Open() {
    event_ = Handle(CreateEventW(nullptr, FALSE, FALSE, nullptr));
    return event_ ? OkStatus() : StatusFromWindows(GetLastError());
  }
  HANDLE event() const { return event_.get(); }

  void Put(const NetworkEvent& event) {
    AcquireSRWLockExclusive(&lock_);
    if (count_ < kQueuedEvents) {
      events_[count_++] = event;
    } else {
      lost_ = true;
    }
    ReleaseSRWLockExclusive(&lock_);
    SetEvent(event_.get());
  }

  // Moves what waits to `out`, which has room for all of it; returns whether nothing was lost.
  bool TakeAll(NetworkEvent (&out)[kQueuedEvents], size_t* count) {
    AcquireSRWLockExclusive(&lock_);
    *count = count_;
    for (size_t i = 0; i < count_; ++i) out[i] = events_[i];
    const bool complete = !lost_;
    count_ = 0;
    lost_ = false;
    ReleaseSRWLockExclusive(&lock_);
    return complete;
  }

 private:
  SRWLOCK lock_ = SRWLOCK_INIT;
  NetworkEvent events_[kQueuedEvents];
  size_t count_ = 0;
  bool lost_ = false;
  Handle event_;
};

struct Watch {
  EventQueue queue;
  HANDLE registrations[3] = {};
  bool looks = false;  // instead of being told
  uint64_t looked_ms = 0;
};

Watch* WatchOf(intptr_t handle) { return reinterpret_cast<Watch*>(handle); }
EventQueue* QueueOf(void* context) { return &static_cast<Watch*>(context)->queue; }

// The row says which device, not what became of it.
void WINAPI OnInterface(void* context, MIB_IPINTERFACE_ROW* row, MIB_NOTIFICATION_TYPE) {
  if (row == nullptr) return;
  const bool up = NetworkWatch::IsLinkUp(row->InterfaceIndex);
  QueueOf(context)->Put({up ? NetworkEvent::Type::kLinkUp : NetworkEvent::Type::kLinkDown, row->InterfaceIndex});
}

void WINAPI OnAddress(void* context, MIB_UNICASTIPADDRESS_ROW* row, MIB_NOTIFICATION_TYPE type) {
  NetworkEvent event;
  if (row != nullptr && EventOfAddress(*row, type, &event)) QueueOf(context)->Put(event);
}

void WINAPI OnRoute(void* context, MIB_IPFORWARD_ROW2* row, MIB_NOTIFICATION_TYPE type) {
  NetworkEvent event;
  if (row != nullptr && EventOfRoute(*row, type, &event)) QueueOf(context)->Put(event);
}

Status Register(Watch* watch) {
  const IpHelper& helper = GetIpHelper();
  if (helper.watch_interfaces == nullptr || helper.cancel_watch == nullptr) return {StatusKind::kUnsupported, 0};
  const DWORD error = helper.watch_interfaces(AF_UNSPEC, OnInterface, watch, FALSE, &watch->registrations[0]);
  if (error != NO_ERROR) return StatusFromWindows(error);
  // Addresses and routes only add to what devices tell.
  if (helper.watch_addresses != nullptr) {
    helper.watch_addresses(AF_UNSPEC, OnAddress, watch, FALSE, &watch->registrations[1]);
  }
  if (helper.watch_routes != nullptr) {
    helper.watch_routes(AF_UNSPEC, OnRoute, watch, FALSE, &watch->registrations[2]);
  }
  return OkStatus();
}

}  // namespace

NetworkWatch::~NetworkWatch() {
  if (handle_ == -1) return;
  Watch* watch = WatchOf(handle_);
  // Waits for callbacks that run.
  for (const HANDLE registration : watch->registrations) {
    if (registration != nullptr) GetIpHelper().cancel_watch(registration);
  }
  delete watch;
}

Status NetworkWatch::Open() {
  if (handle_ != -1) return OkStatus();
  auto* watch = new (std::nothrow) Watch;
  if (watch == nullptr) return {StatusKind::kNoMemory, 0};
  watch->looks = CurrentSystem() == SystemKind::kWine;
  Status status = watch->queue.Open();
  if (status.ok()) status = Register(watch);
  if (!status.ok()) {
    delete watch;
    return status;
  }
  handle_ = reinterpret_cast<intptr_t>(watch);
  return OkStatus();
}

intptr_t NetworkWatch::wait_handle() const {
  return handle_ == -1 ? -1 : reinterpret_cast<intptr_t>(WatchOf(handle_)->queue.event());
}

bool NetworkWatch::Take(Sink sink, void* user) {
  if (handle_ == -1) return true;
  Watch* watch = WatchOf(handle_);
  NetworkEvent events[kQueuedEvents];
  size_t count = 0;
  bool complete = watch->queue.TakeAll(events, &count);
  for (size_t i = 0; i < count; ++i) sink(events[i], user);
  const uint64_t now_ms = CoarseMonotonicMs();
  if (watch->looks && now_ms - watch->looked_ms >= kLookMs) {
    watch->looked_ms = now_ms;
    complete = false;
  }
  return complete;
}

bool NetworkWatch::IsLinkUp(uint32_t interface_index) {
  InterfaceFacts facts;
  return QueryInterface(interface_index, &facts) && facts.up;
}

}  // namespace whydrop::platform
