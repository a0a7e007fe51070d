#include "platform/module_table.h"

// clang-format off: the first is needed by the second.
#include <windows.h>
#include <psapi.h>
// clang-format on

#include <algorithm>
#include <cstring>

#include "platform/crash_hooks.h"

namespace whydrop::platform {
namespace {

HMODULE handles[ModuleTable::kCapacity];  // of the one thread that refreshes

// The file name, cut to what a record holds; cut names may end in the middle of a character, as on every system.
void CopyName(HMODULE handle, char (&name)[48]) {
  wchar_t wide[MAX_PATH] = {};
  char narrow[3 * MAX_PATH] = {};
  const DWORD length = K32GetModuleBaseNameW(GetCurrentProcess(), handle, wide, MAX_PATH);
  const int size =
      WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), narrow, sizeof(narrow), nullptr, nullptr);
  memset(name, 0, sizeof(name));
  memcpy(name, narrow, std::min(static_cast<size_t>(std::max(size, 0)), sizeof(name)));
}

// Where the modules lie, in their order. One that takes the place of another at the very same address between two looks
// keeps the other's name until the next change.
uint64_t HashOf(size_t count) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < count; ++i) hash = (hash ^ reinterpret_cast<uintptr_t>(handles[i])) * 0x100000001b3;
  return hash;
}

bool ReadModule(HMODULE handle, Module* module) {
  MODULEINFO info = {};
  if (!K32GetModuleInformation(GetCurrentProcess(), handle, &info, sizeof(info))) return false;  // gone in between
  module->start = module->base = reinterpret_cast<uintptr_t>(info.lpBaseOfDll);
  module->end = module->start + info.SizeOfImage;
  CopyName(handle, module->name);
  return true;
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
