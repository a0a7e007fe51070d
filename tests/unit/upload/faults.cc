#include "faults.h"

#include <cstdlib>
#include <new>

Fault g_calls, g_allocations;

void* operator new(size_t size) {
  void* memory = g_allocations.Strikes() ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return g_allocations.Strikes() ? nullptr : std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
