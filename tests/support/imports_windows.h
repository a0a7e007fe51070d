// Puts functions of a test in front of the system's, for all code that is linked into the program, the SDK's included,
// or into a DLL: in the table by which a module of Windows calls others.
//
// Thread rule: while nobody calls the function.
#ifndef WHYDROP_TESTS_SUPPORT_IMPORTS_WINDOWS_H
#define WHYDROP_TESTS_SUPPORT_IMPORTS_WINDOWS_H

#include <windows.h>

#include <cstring>

// The entry for the function of that name; nullptr: the module does not import it.
inline void** FindImport(const char* name, HMODULE of) {
  auto* base = reinterpret_cast<unsigned char*>(of);
  const auto* dos = reinterpret_cast<const IMAGE_DOS_HEADER*>(base);
  const auto* headers = reinterpret_cast<const IMAGE_NT_HEADERS*>(base + dos->e_lfanew);
  const auto& directory = headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
  for (auto* module = reinterpret_cast<IMAGE_IMPORT_DESCRIPTOR*>(base + directory.VirtualAddress); module->Name != 0;
       ++module) {
    auto* names = reinterpret_cast<IMAGE_THUNK_DATA*>(base + module->OriginalFirstThunk);
    auto* entries = reinterpret_cast<IMAGE_THUNK_DATA*>(base + module->FirstThunk);
    for (; names->u1.AddressOfData != 0; ++names, ++entries) {
      if (IMAGE_SNAP_BY_ORDINAL(names->u1.Ordinal)) continue;
      const auto* import = reinterpret_cast<const IMAGE_IMPORT_BY_NAME*>(base + names->u1.AddressOfData);
      if (std::strcmp(reinterpret_cast<const char*>(import->Name), name) == 0) {
        return reinterpret_cast<void**>(&entries->u1.Function);
      }
    }
  }
  return nullptr;
}

// Returns what was called until now; nullptr: the module, the program if none is given, does not import it.
template <typename Function>
Function* ReplaceImport(const char* name, Function* with, HMODULE of = GetModuleHandleW(nullptr)) {
  void** entry = FindImport(name, of);
  DWORD before = 0;
  if (entry == nullptr || !VirtualProtect(entry, sizeof *entry, PAGE_READWRITE, &before)) return nullptr;
  auto* const old = reinterpret_cast<Function*>(*entry);
  *entry = reinterpret_cast<void*>(with);
  VirtualProtect(entry, sizeof *entry, before, &before);
  return old;
}

#endif
