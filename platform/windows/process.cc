#include "platform/process.h"

#include <windows.h>

#include <atomic>
#include <cstdlib>
#include <cwchar>

#include "platform/windows/wide_path.h"

namespace whydrop::platform {
namespace {

// The newest hook of RunAtExit, for ends that run no exit functions.
std::atomic<void (*)()> g_exit_hook{nullptr};

// Called by the loader. An end of the process by ExitProcess passes by the program's exit functions, but not by this;
// TerminateProcess passes by both.
void NTAPI OnLoaderEvent(void*, DWORD reason, void*) {
  if (reason != DLL_PROCESS_DETACH) return;
  void (*hook)() = g_exit_hook.load(std::memory_order_acquire);
  if (hook != nullptr) hook();
}

struct ForkFreePage {
  std::atomic<void*> memory{nullptr};
  std::atomic<size_t> size{0};
};
ForkFreePage g_page;

}  // namespace

// The loader calls what lies between .CRT$XLA and .CRT$XLZ, of a program and of a DLL alike.
#if defined(_MSC_VER)
// The linker leaves out what nothing refers to: the table of these functions, and this one.
#if defined(_M_IX86)
#pragma comment(linker, "/INCLUDE:__tls_used")
#pragma comment(linker, "/INCLUDE:_whydrop_loader_callback")
#else
#pragma comment(linker, "/INCLUDE:_tls_used")
#pragma comment(linker, "/INCLUDE:whydrop_loader_callback")
#endif
#pragma section(".CRT$XLW", long, read)
#define WHYDROP_LOADER_CALLBACK __declspec(allocate(".CRT$XLW"))
#else
#define WHYDROP_LOADER_CALLBACK __attribute__((section(".CRT$XLW"), used))
#endif
extern "C" {
extern const PIMAGE_TLS_CALLBACK whydrop_loader_callback;
WHYDROP_LOADER_CALLBACK const PIMAGE_TLS_CALLBACK whydrop_loader_callback = OnLoaderEvent;
}

// No process of Windows is a copy of another, so there is nothing to wipe.
void* WipedOnForkPage(size_t size) {
  void* made = g_page.memory.load(std::memory_order_acquire);
  if (made != nullptr) return size <= g_page.size.load() ? made : nullptr;
  void* memory = VirtualAlloc(nullptr, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (memory == nullptr) return nullptr;
  g_page.size.store(size);
  if (!g_page.memory.compare_exchange_strong(made, memory, std::memory_order_acq_rel)) {
    VirtualFree(memory, 0, MEM_RELEASE);
    return made;
  }
  return memory;
}

void PinLibrary() {
  HMODULE module = nullptr;
  // Fails for the program itself only if its name cannot be told; it is never unloaded.
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     reinterpret_cast<LPCWSTR>(&PinLibrary), &module);
}

void RunAtExit(void (*hook)()) {
  g_exit_hook.store(hook, std::memory_order_release);
  // In a program this runs while its threads still do; a full table leaves the loader's call.
  atexit(hook);
}

bool OtherThreadsWereEnded() {
  using ShutdownInProgress = BOOLEAN(NTAPI*)();
  // It is in every process, and no library can be relied on to load in one that ends.
  static const auto in_progress =
      reinterpret_cast<ShutdownInProgress>(FindSymbol(GetModuleHandleW(L"ntdll.dll"), "RtlDllShutdownInProgress"));
  return in_progress != nullptr && in_progress() != 0;
}

bool OutOfMemoryKills(uint64_t*) { return false; }  // Windows refuses memory instead of killing
bool WaitedForProcessorMs(uint64_t*) { return false; }

bool NoRouteDrops(uint64_t*) { return false; }
bool RefusedRetransmits(uint64_t*) { return false; }

std::vector<std::string> ProgramArguments(int, char**) {
  static const char* const kShell[] = {"shell32.dll"};
  using Split = wchar_t**(WINAPI*)(const wchar_t*, int*);
  const auto split = reinterpret_cast<Split>(FindSymbol(LoadLibraryByName(kShell, 1), "CommandLineToArgvW"));
  std::vector<std::string> arguments;
  int count = 0;
  wchar_t** words = split == nullptr ? nullptr : split(GetCommandLineW(), &count);
  for (int i = 1; i < count; ++i) {
    std::string word;
    // A word that is no UTF-16 names no file; it stays empty, so that the others keep their places.
    (void)ToUtf8(words[i], wcslen(words[i]), &word);
    arguments.push_back(word);
  }
  LocalFree(words);
  return arguments;
}

void* LoadLibraryByName(const char* const* names, size_t count) {
  constexpr DWORD kSystemFolderOnly = 0x800;  // LOAD_LIBRARY_SEARCH_SYSTEM32: never what lies beside the program
  for (size_t i = 0; i < count; ++i) {
    HMODULE library = LoadLibraryExA(names[i], nullptr, kSystemFolderOnly);
    if (library != nullptr) return library;
  }
  return nullptr;
}

void* FindSymbol(void* library, const char* name) {
  if (library == nullptr) return nullptr;
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

}  // namespace whydrop::platform
