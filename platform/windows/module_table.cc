#include "platform/module_table.h"

// clang-format off: the first is needed by the second.
#include <windows.h>
#include <psapi.h>
// clang-format on

#include <algorithm>
#include <cstring>
#include <iterator>

#include "platform/crash_hooks.h"

namespace whydrop::platform {
namespace {

// Of the one thread that refreshes.
HMODULE handles[ModuleTable::kCapacity];
wchar_t path[4096];

// The file name, cut to what a record holds; cut names may end in the middle of a character, as on every system. The
// functions of psapi would look through the whole list of modules for each of them.
bool ReadName(HMODULE handle, char (&name)[48]) {
  const size_t length = GetModuleFileNameW(handle, path, static_cast<DWORD>(std::size(path)));
  if (length == 0 || length == std::size(path)) return false;  // gone in between, or cut
  size_t start = length;
  while (start > 0 && path[start - 1] != L'\\') --start;
  char narrow[3 * MAX_PATH] = {};
  const int size = WideCharToMultiByte(CP_UTF8, 0, path + start, static_cast<int>(length - start), narrow,
                                       sizeof(narrow), nullptr, nullptr);
  memset(name, 0, sizeof(name));
  memcpy(name, narrow, std::min(static_cast<size_t>(std::max(size, 0)), sizeof(name)));
  return true;
}

// The end of the pages that were mapped with the module; its start if it is gone. Asked of the system, because whoever
// reads the module's own headers may find no memory there.
uint64_t EndOf(uint64_t start) {
  uint64_t end = start;
  MEMORY_BASIC_INFORMATION pages = {};
  while (VirtualQuery(reinterpret_cast<const void*>(end), &pages, sizeof(pages)) != 0 && pages.Type == MEM_IMAGE &&
         reinterpret_cast<uintptr_t>(pages.AllocationBase) == start) {
    end += pages.RegionSize;
  }
  return end;
}

// Where the modules lie, in their order. One that takes the place of another at the very same address between two looks
// keeps the other's name until the next change.
uint64_t HashOf(size_t count) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < count; ++i) hash = (hash ^ reinterpret_cast<uintptr_t>(handles[i])) * 0x100000001b3;
  return hash;
}

bool ReadModule(HMODULE handle, Module* module) {
  module->start = module->base = reinterpret_cast<uintptr_t>(handle);
  module->end = EndOf(module->start);
  return module->end != module->start && ReadName(handle, module->name);
}

}  // namespace

void RefreshModules() {
  DWORD bytes = 0;
  if (!K32EnumProcessModules(GetCurrentProcess(), handles, sizeof(handles), &bytes)) return;
  const size_t count = std::min<size_t>(bytes / sizeof(HMODULE), ModuleTable::kCapacity);
  const uint64_t hash = HashOf(count);
  const ModuleTable* known = CurrentModules();
  if (known != nullptr && known->state[0] == count && known->state[1] == hash) return;
  ModuleTable* spare = SpareModules();
  spare->count = 0;
  spare->state[0] = count;
  spare->state[1] = hash;
  for (size_t i = 0; i < count; ++i) {
    if (ReadModule(handles[i], &spare->modules[spare->count])) ++spare->count;
  }
  PublishModules(spare);
}

}  // namespace whydrop::platform
