#include "platform/module_table.h"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace whydrop::platform {
namespace {

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
  const ModuleTable* known = CurrentModules();
  if (known != nullptr && known->state[0] == info->dlpi_adds && known->state[1] == info->dlpi_subs) return 1;
  table->state[0] = info->dlpi_adds;
  table->state[1] = info->dlpi_subs;
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
  return table->count == ModuleTable::kCapacity ? 2 : 0;
}

}  // namespace

void RefreshModules() {
  ModuleTable* spare = SpareModules();
  spare->count = 0;
  const bool unchanged = dl_iterate_phdr(AddModule, spare) == 1;
  if (!unchanged) PublishModules(spare);
}

}  // namespace whydrop::platform
