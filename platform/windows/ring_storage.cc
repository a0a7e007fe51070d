// The memory of a ring on Windows. A view of a file must go before the file can be deleted, and a thread of the game
// may be inside a recording call at that moment: the view is exchanged for private memory (view_exchange.h), and a
// thread that meets the hole of some microseconds in between is made to wait by a handler of faults, which knows our
// addresses only. Where the hole could be taken by others, a ring is written, not mapped, unless a mapping is asked for
// by name.
#include "platform/ring_storage.h"

#include <windows.h>
#include <winioctl.h>

#include <cwchar>

#include "platform/last_error.h"
#include "platform/live_mappings.h"
#include "platform/process.h"
#include "platform/windows/error_status.h"
#include "platform/windows/handle.h"
#include "platform/windows/view_exchange.h"

namespace whydrop::platform {
namespace {

// Written by the one thread that exchanges a mapping, read by the handler of faults. The range stays known afterwards,
// for a thread that ran into the hole and is late at the handler.
std::atomic<bool> g_exchanging{false};
std::atomic<uintptr_t> g_exchanged_start{0};
std::atomic<size_t> g_exchanged_size{0};

void Enter() {
  while (g_exchanging.exchange(true) && !OtherThreadsWereEnded()) SwitchToThread();
}
void Leave() { g_exchanging.store(false); }

// No allocation: also for the handler of faults.
bool Exchange(void* place, size_t size, HANDLE section) {
  g_exchanged_size.store(size);
  g_exchanged_start.store(reinterpret_cast<uintptr_t>(place));
  return ExchangeView(place, size, section);
}

Handle MakePrivateSection(size_t size) {
  return Handle(
      CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, 0, static_cast<DWORD>(size), nullptr));
}

bool FindOurs(uintptr_t address, uintptr_t* start, size_t* size) {
  if (FindMapping(address, start, size)) return true;
  *start = g_exchanged_start.load();
  *size = g_exchanged_size.load();
  return *start != 0 && address >= *start && address - *start < *size;
}

// Until nobody exchanges any more. The thread that did may have been ended with the process: then whoever is left fills
// the hole.
void AwaitExchange(uintptr_t start, size_t size) {
  while (g_exchanging.load()) {
    if (OtherThreadsWereEnded()) return FillHole(reinterpret_cast<void*>(start), size);
    SwitchToThread();
  }
}

bool IsWritable(uintptr_t address) {
  MEMORY_BASIC_INFORMATION info = {};
  return VirtualQuery(reinterpret_cast<const void*>(address), &info, sizeof(info)) != 0 && info.State == MEM_COMMIT &&
         info.Protect == PAGE_READWRITE;
}

// First of all handlers, for faults at our own addresses only.
LONG CALLBACK OnFault(EXCEPTION_POINTERS* exception) {
  const EXCEPTION_RECORD& record = *exception->ExceptionRecord;
  const bool in_page = record.ExceptionCode == EXCEPTION_IN_PAGE_ERROR;
  if (!in_page && record.ExceptionCode != EXCEPTION_ACCESS_VIOLATION) return EXCEPTION_CONTINUE_SEARCH;
  // Reading is 0, writing 1; executing is nothing that our memory is for.
  if (record.NumberParameters < 2 || record.ExceptionInformation[0] > 1) return EXCEPTION_CONTINUE_SEARCH;
  const auto address = static_cast<uintptr_t>(record.ExceptionInformation[1]);
  uintptr_t start = 0;
  size_t size = 0;
  if (!FindOurs(address, &start, &size)) return EXCEPTION_CONTINUE_SEARCH;
  const LastErrorKeeper keep_error;
  if (in_page) return RescueRingMapping(address) ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
  AwaitExchange(start, size);
  return IsWritable(address) ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}

void InstallFaultHandler() {
  // For the life of the process: the memory of a ring is never given back.
  static const void* const handler = AddVectoredExceptionHandler(1, OnFault);
  (void)handler;
}

// A local disk's NTFS, whose stores to a mapping of written blocks cannot find the disk full.
bool IsLocalNtfs(HANDLE file) {
  FILE_REMOTE_PROTOCOL_INFO remote = {};
  if (GetFileInformationByHandleEx(file, FileRemoteProtocolInfo, &remote, sizeof(remote))) return false;
  wchar_t name[MAX_PATH + 1] = {};
  return GetVolumeInformationByHandleW(file, nullptr, 0, nullptr, nullptr, nullptr, name, MAX_PATH) &&
         wcscmp(name, L"NTFS") == 0;
}

// A compressed file gets new blocks when it is stored to, and a sparse one has none before.
bool IsPlain(HANDLE file) {
  USHORT none = COMPRESSION_FORMAT_NONE;
  DWORD returned = 0;
  // Inherited from the directory. Where this cannot be switched off, the look at the attributes tells.
  DeviceIoControl(file, FSCTL_SET_COMPRESSION, &none, sizeof(none), nullptr, 0, &returned, nullptr);
  BY_HANDLE_FILE_INFORMATION info = {};
  return GetFileInformationByHandle(file, &info) &&
         (info.dwFileAttributes & (FILE_ATTRIBUTE_COMPRESSED | FILE_ATTRIBUTE_SPARSE_FILE)) == 0;
}

Status WriteZeros(const File& file, size_t size) {
  static const uint8_t kZeros[16 * 1024] = {};
  for (size_t at = 0; at < size; at += sizeof(kZeros)) {
    const Status status = file.WriteAt(at, kZeros, size - at < sizeof(kZeros) ? size - at : sizeof(kZeros));
    if (!status.ok()) return status;
  }
  return OkStatus();
}

HANDLE System(const File& file) { return reinterpret_cast<HANDLE>(file.handle()); }

}  // namespace

Status RingStorage::MapFile(size_t size, bool only_known_systems) {
  HANDLE file = System(file_);
  if (!IsPlain(file) || (only_known_systems && !IsLocalNtfs(file))) return {StatusKind::kUnsupported, 0};
  const Status status = WriteZeros(file_, size);
  if (!status.ok()) return status;
  const Handle section(CreateFileMappingW(file, nullptr, PAGE_READWRITE, 0, static_cast<DWORD>(size), nullptr));
  if (!section) return StatusFromWindows(GetLastError());
  InstallFaultHandler();
  void* memory = MapExchangeableView(section.get(), size, only_known_systems ? Hole::kClosed : Hole::kMayBeOpen);
  if (memory == nullptr) return StatusFromWindows(GetLastError());
  if (!RememberMapping(memory, size)) {
    UnmapViewOfFile(memory);  // nobody has seen it yet
    return {StatusKind::kUnsupported, 0};
  }
  data_ = static_cast<uint8_t*>(memory);
  size_ = size;
  return OkStatus();
}

Status RingStorage::AllocatePrivate(size_t size) {
  void* memory = VirtualAlloc(nullptr, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (memory == nullptr) return {StatusKind::kNoMemory, static_cast<int32_t>(GetLastError())};
  data_ = static_cast<uint8_t*>(memory);
  size_ = size;
  return OkStatus();
}

Status RingStorage::SetFileSize(size_t size) {
  FILE_END_OF_FILE_INFO end = {};
  end.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
  return SetFileInformationByHandle(System(file_), FileEndOfFileInfo, &end, sizeof(end))
             ? OkStatus()
             : StatusFromWindows(GetLastError());
}

bool RingStorage::ReplaceMapping(MappedContents contents) {
  const Handle section = MakePrivateSection(size_);
  if (!section) return false;
  if (contents == MappedContents::kKept) {
    auto* copy = static_cast<LONG64*>(MapViewOfFile(section.get(), FILE_MAP_ALL_ACCESS, 0, 0, size_));
    if (copy == nullptr) return false;
    // Word by word, because other threads go on storing; what they store between copy and exchange is lost.
    const auto* from = reinterpret_cast<const volatile LONG64*>(data_);
    for (size_t i = 0; i < size_ / sizeof(LONG64); ++i) copy[i] = from[i];
    UnmapViewOfFile(copy);
  }
  // A thread of low priority would keep those that wait in the hole waiting for the processor as well.
  const int priority = GetThreadPriority(GetCurrentThread());
  SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL);
  Enter();
  const bool exchanged = Exchange(data_, size_, section.get());
  Leave();
  SetThreadPriority(GetCurrentThread(), priority);
  return exchanged;
}

void RingStorage::Prefault() const {
  if (data_ == nullptr) return;
  // Adding zero dirties the page and loses no store of another thread.
  constexpr size_t kPage = 4096;
  for (size_t at = 0; at < size_; at += kPage) InterlockedExchangeAdd(reinterpret_cast<volatile LONG*>(data_ + at), 0);
}

void RingStorage::Sync(size_t offset, size_t size) const {
  // A written file is left to the system, which writes it to the disk within seconds by itself: a flush holds a file
  // until it has reached the disk, through whichever handle it is asked for, and a thread that records would wait.
  if (mode_ != StorageMode::kMapped) return;
  // A failed sync leaves nothing to be done here: the pages stay dirty or are lost, and the reader checks every record.
  FlushViewOfFile(data_ + offset, size);
  FlushFileBuffers(System(file_));
}

bool RescueRingMapping(uintptr_t address) {
  Enter();
  uintptr_t start = 0;
  size_t size = 0;
  bool rescued = FindMapping(address, &start, &size);
  if (rescued) {
    const Handle section = MakePrivateSection(size);
    rescued = section && Exchange(reinterpret_cast<void*>(start), size, section.get());
  }
  Leave();
  return rescued;
}

}  // namespace whydrop::platform
