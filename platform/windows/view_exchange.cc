#include "platform/windows/view_exchange.h"

#include "platform/process.h"

namespace whydrop::platform {
namespace {

// Not in older headers.
constexpr ULONG kReservePlaceholder = 0x00040000;
constexpr ULONG kReplacePlaceholder = 0x00004000;
constexpr ULONG kPreservePlaceholder = 0x00000002;

constexpr size_t kGranularity = 64 * 1024;

// The functions for placeholders, all or none: older systems lack them, and Wine 8 has them without placeholders.
class Placeholders {
 public:
  Placeholders() {
    static const char* const kBase[] = {"kernelbase.dll"};
    void* library = LoadLibraryByName(kBase, 1);
    allocate_ = reinterpret_cast<Allocate>(FindSymbol(library, "VirtualAlloc2"));
    map_ = reinterpret_cast<Map>(FindSymbol(library, "MapViewOfFile3"));
    unmap_ = reinterpret_cast<Unmap>(FindSymbol(library, "UnmapViewOfFile2"));
    if (allocate_ == nullptr || map_ == nullptr || unmap_ == nullptr) return;
    void* trial = Reserve(kGranularity);
    exist_ = trial != nullptr;
    Release(trial);
  }

  bool exist() const { return exist_; }
  void* Reserve(size_t size) const {
    return allocate_(GetCurrentProcess(), nullptr, size, MEM_RESERVE | kReservePlaceholder, PAGE_NOACCESS, nullptr, 0);
  }
  static void Release(void* place) {
    if (place != nullptr) VirtualFree(place, 0, MEM_RELEASE);
  }
  bool Fill(void* place, HANDLE section, size_t size) const {
    return map_(section, GetCurrentProcess(), place, 0, size, kReplacePlaceholder, PAGE_READWRITE, nullptr, 0) !=
           nullptr;
  }
  bool FillWithMemory(void* place, size_t size) const {
    return allocate_(GetCurrentProcess(), place, size, MEM_RESERVE | MEM_COMMIT | kReplacePlaceholder, PAGE_READWRITE,
                     nullptr, 0) != nullptr;
  }
  bool Empty(void* place) const { return unmap_(GetCurrentProcess(), place, kPreservePlaceholder) != 0; }

 private:
  using Allocate = void*(WINAPI*)(HANDLE, void*, SIZE_T, ULONG, ULONG, void*, ULONG);
  using Map = void*(WINAPI*)(HANDLE, HANDLE, void*, ULONG64, SIZE_T, ULONG, ULONG, void*, ULONG);
  using Unmap = BOOL(WINAPI*)(HANDLE, void*, ULONG);
  Allocate allocate_ = nullptr;
  Map map_ = nullptr;
  Unmap unmap_ = nullptr;
  bool exist_ = false;
};

// The same for the life of the process, so that every view is exchanged in the way it was made.
const Placeholders& SystemPlaceholders() {
  static const Placeholders placeholders;
  return placeholders;
}

}  // namespace

void* MapExchangeableView(HANDLE section, size_t size, Hole hole) {
  const Placeholders& placeholders = SystemPlaceholders();
  if (!placeholders.exist()) {
    if (hole == Hole::kMayBeOpen) return MapViewOfFile(section, FILE_MAP_ALL_ACCESS, 0, 0, size);
    SetLastError(ERROR_NOT_SUPPORTED);
    return nullptr;
  }
  void* place = placeholders.Reserve(size);
  if (place == nullptr || placeholders.Fill(place, section, size)) return place;
  const DWORD error = GetLastError();
  Placeholders::Release(place);
  SetLastError(error);
  return nullptr;
}

bool ExchangeView(void* view, size_t size, HANDLE section) {
  const Placeholders& placeholders = SystemPlaceholders();
  if (!placeholders.exist()) {
    return UnmapViewOfFile(view) && MapViewOfFileEx(section, FILE_MAP_ALL_ACCESS, 0, 0, size, view) != nullptr;
  }
  // Threads of the game store there all the time: any memory is better than none.
  return placeholders.Empty(view) &&
         (placeholders.Fill(view, section, size) || placeholders.FillWithMemory(view, size));
}

void FillHole(void* view, size_t size) {
  const Placeholders& placeholders = SystemPlaceholders();
  if (placeholders.exist()) {
    (void)placeholders.FillWithMemory(view, size);
  } else {
    VirtualAlloc(view, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  }
}

}  // namespace whydrop::platform
