#include "platform/linux/module_table.h"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "platform/crash_hooks.h"

namespace whydrop::platform {
namespace {

constexpr size_t kMaxModules = 512;

struct ModuleTable {
  size_t count = 0;
  unsigned long long loads = 0;
  unsigned long long unloads = 0;
  Module modules[kMaxModules];
};

// One table is read while the other is filled. A handler would have to last two refreshes to see one change under it,
// and would then at worst name a wrong module.
ModuleTable tables[2];
std::atomic<const ModuleTable*> current{nullptr};

void CopyFileName(const char* path, char (&name)[48]) {
  const char* slash = strrchr(path, '/');
  const char* file = slash == nullptr ? path : slash + 1;
  memset(name, 0, sizeof(name));
  memcpy(name, file, std::min(strlen(file), sizeof(name)));
}

void CopyProgramName(char (&name)[48]) {
  char path[4096];
  // A failed readlink leaves the name empty, which still gives the offset.
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
  path[std::max<ssize_t>(size, 0)] = '\0';
  CopyFileName(path, name);
}

int AddModule(dl_phdr_info* info, size_t, void* user) {
  auto* table = static_cast<ModuleTable*>(user);
  const ModuleTable* known = current.load(std::memory_order_relaxed);
  if (known != nullptr && known->loads == info->dlpi_adds && known->unloads == info->dlpi_subs) return 1;
  table->loads = info->dlpi_adds;
  table->unloads = info->dlpi_subs;
  Module module;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    const uint64_t start = info->dlpi_addr + part.p_vaddr;
    module.start = module.end == 0 ? start : std::min(module.start, start);
    module.end = std::max(module.end, start + part.p_memsz);
  }
  if (module.end == 0) return 0;
  module.base = info->dlpi_addr;
  if (info->dlpi_name == nullptr || info->dlpi_name[0] == '\0') {
    CopyProgramName(module.name);
  } else {
    CopyFileName(info->dlpi_name, module.name);
  }
  table->modules[table->count++] = module;
  return table->count == kMaxModules ? 2 : 0;
}

}  // namespace

void RefreshModules() {
  ModuleTable* spare = current.load(std::memory_order_relaxed) == &tables[0] ? &tables[1] : &tables[0];
  spare->count = 0;
  const bool unchanged = dl_iterate_phdr(AddModule, spare) == 1;
  if (!unchanged) current.store(spare, std::memory_order_release);
}

const Module* FindModule(uint64_t address) {
  const ModuleTable* table = current.load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  const size_t count = std::min(table->count, kMaxModules);
  for (size_t i = 0; i < count; ++i) {
    const Module& module = table->modules[i];
    if (address >= module.start && address < module.end) return &module;
  }
  return nullptr;
}

}  // namespace whydrop::platform
