#include "platform/module_table.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace whydrop::platform {
namespace {

// One table is read while the other is filled. A handler would have to last two refreshes to see one change under it,
// and would then at worst name a wrong module.
ModuleTable tables[2];
std::atomic<const ModuleTable*> current{nullptr};

}  // namespace

const ModuleTable* CurrentModules() { return current.load(std::memory_order_relaxed); }

ModuleTable* SpareModules() { return CurrentModules() == &tables[0] ? &tables[1] : &tables[0]; }

void PublishModules(const ModuleTable* table) { current.store(table, std::memory_order_release); }

const Module* FindModule(uint64_t address) {
  const ModuleTable* table = current.load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  const size_t count = std::min(table->count, ModuleTable::kCapacity);
  for (size_t i = 0; i < count; ++i) {
    const Module& module = table->modules[i];
    if (address >= module.start && address < module.end) return &module;
  }
  return nullptr;
}

void LocateInModule(uint64_t program_counter, CrashFacts* facts) {
  const Module* module = FindModule(program_counter);
  if (module == nullptr) return;
  memcpy(facts->module, module->name, sizeof(facts->module));
  facts->offset = program_counter - module->base;
}

}  // namespace whydrop::platform
