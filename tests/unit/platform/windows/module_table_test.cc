#include "platform/module_table.h"

#include <doctest/doctest.h>
#include <windows.h>

#include <psapi.h>

#include <cstring>
#include <string>

using namespace whydrop::platform;  // NOLINT

namespace {

std::string NameOf(const Module& module) { return {module.name, strnlen(module.name, sizeof module.name)}; }

}  // namespace

TEST_CASE("each module is known by its first and its last byte, and by the name that the system gives it") {
  RefreshModules();
  HMODULE handles[512];
  DWORD bytes = 0;
  REQUIRE(K32EnumProcessModules(GetCurrentProcess(), handles, sizeof handles, &bytes));
  REQUIRE(bytes / sizeof(HMODULE) > 3);
  for (size_t i = 0; i < bytes / sizeof(HMODULE); ++i) {
    MODULEINFO info = {};
    char name[MAX_PATH] = {};
    REQUIRE(K32GetModuleInformation(GetCurrentProcess(), handles[i], &info, sizeof info));
    K32GetModuleBaseNameA(GetCurrentProcess(), handles[i], name, MAX_PATH);
    CAPTURE(std::string(name));
    const auto start = reinterpret_cast<uintptr_t>(info.lpBaseOfDll);
    const Module* first = FindModule(start);
    REQUIRE(first != nullptr);
    CHECK(FindModule(start + info.SizeOfImage - 1) == first);
    CHECK(FindModule(start - 1) != first);
    CHECK(first->base == start);
    CHECK(first->end == start + info.SizeOfImage);
    CHECK(NameOf(*first) == std::string(name).substr(0, sizeof first->name));
  }
  CHECK(FindModule(1) == nullptr);
}

TEST_CASE("a module that comes and goes is found as long as it is there") {
  REQUIRE((GetModuleHandleA("lz32.dll") == nullptr));
  const HMODULE module = LoadLibraryA("lz32.dll");
  REQUIRE((module != nullptr));
  const auto inside = reinterpret_cast<uintptr_t>(module) + 0x1000;
  RefreshModules();
  const Module* found = FindModule(inside);
  REQUIRE(found != nullptr);
  CHECK(NameOf(*found) == "lz32.dll");
  FreeLibrary(module);
  RefreshModules();
  CHECK(FindModule(inside) == nullptr);
}
