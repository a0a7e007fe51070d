// Exchanges of a mapped ring, in both ways. Wine 8 has no placeholders: here VirtualAlloc2, MapViewOfFile3 and
// UnmapViewOfFile2 stand in front of the system's as they are documented, in a child, because the SDK asks for them
// once. They refuse what Windows refuses: a view that does not fill its placeholder, the emptying of a view that is in
// none.
#include "platform/windows/view_exchange.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "platform/ring_storage.h"
#include "platform/windows/handle.h"
#include "support/child.h"
#include "support/imports_windows.h"
#include "support/test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

constexpr size_t kSize = 64 * 1024;
constexpr ULONG kReserve = MEM_RESERVE | 0x00040000;
constexpr ULONG kReplace = 0x00004000;
constexpr ULONG kPreserve = 0x00000002;

// A system with placeholders. By address: what is there.
struct Place {
  size_t size;
  enum { kEmpty, kView, kMemory } state;
};
std::map<void*, Place> places;
int fail_maps = 0;    // so many of the next calls
int fail_memory = 0;  // likewise
int exchanges = 0;
std::atomic<bool> maps_hang{false};
std::atomic<int> hanging{0};
std::atomic<bool> process_ends{false};
bool placeholders_exist = true;
BOOL(WINAPI* free_memory)(void*, SIZE_T, DWORD) = nullptr;

// As a thread hangs that the system has ended in the middle of an exchange.
[[noreturn]] void HangHere() {
  ++hanging;
  for (;;) Sleep(1000);
}
BOOLEAN NTAPI ProcessEnds() { return process_ends ? TRUE : FALSE; }
void* WINAPI MapAndHang(HANDLE, DWORD, DWORD, DWORD, SIZE_T, void*) { HangHere(); }

bool IsEmptyOf(void* at, size_t size) {
  const auto found = places.find(at);
  return found != places.end() && found->second.state == Place::kEmpty && found->second.size == size;
}

void* WINAPI Allocate(HANDLE, void* at, SIZE_T size, ULONG kind, ULONG protection, void*, ULONG) {
  if (at == nullptr && kind == kReserve && protection == PAGE_NOACCESS) {
    at = VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_NOACCESS);
    if (at != nullptr) places[at] = {size, Place::kEmpty};
    return at;
  }
  if (kind != (MEM_RESERVE | MEM_COMMIT | kReplace) || protection != PAGE_READWRITE || !IsEmptyOf(at, size)) {
    SetLastError(ERROR_INVALID_PARAMETER);
    return nullptr;
  }
  if (fail_memory > 0) {
    --fail_memory;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return nullptr;
  }
  places[at].state = Place::kMemory;
  return VirtualAlloc(at, size, MEM_COMMIT, PAGE_READWRITE);
}

void* WINAPI Map(HANDLE section, HANDLE, void* at, ULONG64 offset, SIZE_T size, ULONG kind, ULONG protection, void*,
                 ULONG) {
  if (kind != kReplace || protection != PAGE_READWRITE || offset != 0 || !IsEmptyOf(at, size)) {
    SetLastError(ERROR_INVALID_ADDRESS);
    return nullptr;
  }
  if (maps_hang) HangHere();
  if (fail_maps > 0) {
    --fail_maps;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return nullptr;
  }
  free_memory(at, 0, MEM_RELEASE);
  places[at].state = Place::kView;
  return MapViewOfFileEx(section, FILE_MAP_ALL_ACCESS, 0, 0, size, at);
}

BOOL WINAPI Unmap(HANDLE, void* at, ULONG kind) {
  const auto found = places.find(at);
  if (kind != kPreserve || found == places.end() || found->second.state != Place::kView) {
    SetLastError(ERROR_INVALID_ADDRESS);
    return FALSE;
  }
  UnmapViewOfFile(at);
  VirtualAlloc(at, found->second.size, MEM_RESERVE, PAGE_NOACCESS);
  found->second.state = Place::kEmpty;
  ++exchanges;
  return TRUE;
}

BOOL WINAPI Free(void* at, SIZE_T size, DWORD kind) {
  places.erase(at);
  return free_memory(at, size, kind);
}

FARPROC(WINAPI* find_symbol)(HMODULE, LPCSTR) = nullptr;
FARPROC WINAPI FindSymbolHere(HMODULE module, LPCSTR name) {
  void* here = nullptr;
  if (std::strcmp(name, "VirtualAlloc2") == 0 && placeholders_exist) here = reinterpret_cast<void*>(Allocate);
  if (std::strcmp(name, "MapViewOfFile3") == 0) here = reinterpret_cast<void*>(Map);
  if (std::strcmp(name, "UnmapViewOfFile2") == 0) here = reinterpret_cast<void*>(Unmap);
  if (std::strcmp(name, "RtlDllShutdownInProgress") == 0) here = reinterpret_cast<void*>(ProcessEnds);
  return here != nullptr ? reinterpret_cast<FARPROC>(here) : find_symbol(module, name);
}

// For the rest of the child's life.
void HavePlaceholders() {
  find_symbol = ReplaceImport("GetProcAddress", FindSymbolHere);
  free_memory = ReplaceImport("VirtualFree", Free);
  REQUIRE((find_symbol != nullptr));
  REQUIRE((free_memory != nullptr));
}

Handle Section() {
  return Handle(CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, 0, kSize, nullptr));
}

// Threads that store all the time, as those of a game do.
class Stores {
 public:
  explicit Stores(uint8_t* memory) {
    for (size_t number = 0; number < 4; ++number) {
      threads_.emplace_back([this, memory, number] {
        for (size_t at = number; !over_; at = (at + 4096) % kSize) ++*const_cast<volatile uint8_t*>(memory + at);
      });
    }
  }
  ~Stores() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::vector<std::thread> threads_;
};

void Run(const char* role, const ChildArguments& more = {}) {
  const TestDirectory directory;
  ChildArguments arguments = {directory.path()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Child child = Child::InRole(role, arguments);
  const std::string said = child.ReadAll();
  CAPTURE(said);
  CHECK(child.Wait() == 0);
}

}  // namespace

CHILD_ROLE(exchanges_in_placeholders) {
  HavePlaceholders();
  for (int i = 0; i < 40; ++i) {
    const std::string path = arguments.at(0) + "/ring-" + std::to_string(i);
    auto* storage = new RingStorage;
    REQUIRE(storage->Create(path, kSize).ok());
    REQUIRE(storage->mode() == StorageMode::kMapped);
    const int before = exchanges;
    std::memset(storage->data() + 8, 7, 8);  // where no thread stores
    {
      const Stores stores(storage->data());
      if (i % 2 == 0) storage->BecomeVolatile();
      if (i % 2 == 1) storage->Retire();
    }
    REQUIRE(exchanges == before + 1);
    // What the session needs is kept; what belongs to nobody any more is not.
    REQUIRE(storage->data()[8] == (i % 2 == 0 ? 7 : 0));
    REQUIRE((GetFileAttributesA(path.c_str()) == INVALID_FILE_ATTRIBUTES) == (i % 2 == 0));
  }
  return 0;
}

CHILD_ROLE(exchanges_that_fail) {
  HavePlaceholders();
  const Handle one = Section(), other = Section();
  // A placeholder that cannot be filled is given back.
  fail_maps = 1;
  REQUIRE(MapExchangeableView(one.get(), kSize, Hole::kClosed) == nullptr);
  REQUIRE(GetLastError() == ERROR_NOT_ENOUGH_MEMORY);
  REQUIRE(places.empty());
  auto* view = static_cast<uint8_t*>(MapExchangeableView(one.get(), kSize, Hole::kClosed));
  REQUIRE(view != nullptr);
  view[5] = 1;
  REQUIRE(ExchangeView(view, kSize, other.get()));
  REQUIRE(view[5] == 0);
  REQUIRE(ExchangeView(view, kSize, one.get()));
  REQUIRE(view[5] == 1);
  // Memory of zeros where the section does not come; it is no view, so there it ends.
  fail_maps = 1;
  REQUIRE(ExchangeView(view, kSize, other.get()));
  REQUIRE(view[5] == 0);
  view[5] = 2;
  REQUIRE_FALSE(ExchangeView(view, kSize, one.get()));
  REQUIRE(view[5] == 2);
  // Nothing at all comes: told.
  auto* lost = static_cast<uint8_t*>(MapExchangeableView(one.get(), kSize, Hole::kClosed));
  REQUIRE(lost != nullptr);
  fail_maps = fail_memory = 1;
  REQUIRE_FALSE(ExchangeView(lost, kSize, other.get()));
  return 0;
}

CHILD_ROLE(rescues_in_a_placeholder) {
  HavePlaceholders();
  RingStorage storage;
  REQUIRE(storage.Create(arguments.at(0) + "/ring", kSize).ok());
  storage.data()[100] = 'x';
  fail_maps = arguments.size() > 1 ? 1 : 0;
  const ULONG_PTR facts[3] = {1, reinterpret_cast<ULONG_PTR>(storage.data() + 200), 0xC0000185};
  RaiseException(static_cast<DWORD>(EXCEPTION_IN_PAGE_ERROR), 0, 3, facts);
  REQUIRE(storage.data()[100] == 0);
  storage.data()[200] = 'y';
  REQUIRE(storage.data()[200] == 'y');
  return 0;
}

// The worker was ended between the two halves of an exchange, and the last thread still has its mark to store.
CHILD_ROLE(ends_in_the_middle_of_an_exchange) {
  placeholders_exist = arguments.size() > 1;
  HavePlaceholders();
  if (!placeholders_exist) REQUIRE((ReplaceImport("MapViewOfFileEx", MapAndHang) != nullptr));
  auto* storage = new RingStorage;
  REQUIRE(storage->CreateAs(StorageMode::kMapped, arguments.at(0) + "/ring", kSize).ok());
  maps_hang = true;
  std::thread([storage] { storage->BecomeVolatile(); }).detach();
  while (hanging == 0) Sleep(1);
  process_ends = true;
  storage->data()[kSize - 1] = 'x';
  REQUIRE(storage->data()[kSize - 1] == 'x');
  ExitProcess(0);
}

TEST_CASE("a process that ends in the middle of an exchange neither hangs nor crashes") {
  Run("ends_in_the_middle_of_an_exchange");
  Run("ends_in_the_middle_of_an_exchange", {"placeholders"});
}

TEST_CASE("a mapped ring ends in its placeholder while threads store: no store meets a hole, the addresses stay") {
  Run("exchanges_in_placeholders");
}

TEST_CASE("an exchange of which a step fails leaves memory to store to, and says so where it cannot") {
  Run("exchanges_that_fail");
}

TEST_CASE("an in-page error of a ring in a placeholder is dealt with, also where no section can be mapped") {
  Run("rescues_in_a_placeholder");
  Run("rescues_in_a_placeholder", {"maps fail"});
}

TEST_CASE("without placeholders a view is mapped only where a hole is borne, and is exchanged all the same") {
  const Handle one = Section(), other = Section();
  if (void* view = MapExchangeableView(one.get(), kSize, Hole::kClosed); view != nullptr) {
    MESSAGE("skipped: this system has placeholders");
    UnmapViewOfFile(view);
    return;
  }
  CHECK(GetLastError() == ERROR_NOT_SUPPORTED);
  auto* view = static_cast<uint8_t*>(MapExchangeableView(one.get(), kSize, Hole::kMayBeOpen));
  REQUIRE(view != nullptr);
  view[5] = 1;
  REQUIRE(ExchangeView(view, kSize, other.get()));
  CHECK(view[5] == 0);
  REQUIRE(ExchangeView(view, kSize, one.get()));
  CHECK(view[5] == 1);
  UnmapViewOfFile(view);
}
