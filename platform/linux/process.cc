#include "platform/process.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "platform/linux/proc_file.h"

namespace whydrop::platform {
namespace {

struct WipedPage {
  std::atomic<void*> memory{nullptr};
  std::atomic<size_t> size{0};
};
WipedPage wiped_page;

void ClearInChild() { memset(wiped_page.memory.load(), 0, wiped_page.size.load()); }

struct Word {
  const char* text;
  size_t size;
  bool Is(const char* other) const { return size == strlen(other) && memcmp(text, other, size) == 0; }
};

// The next word of the line at `*at`, which moves behind it; empty at the line's end.
Word NextWord(const char** at) {
  *at += strspn(*at, " ");
  const Word word = {*at, strcspn(*at, " \n")};
  *at += word.size;
  return word;
}

// The number behind the word that a line begins with.
bool FindCounter(const std::string& text, const char* counter, uint64_t* out) {
  for (const char* line = text.c_str(); *line != '\0'; line += *line == '\n' ? 1 : 0) {
    if (NextWord(&line).Is(counter)) {
      *out = strtoull(line, nullptr, 10);
      return true;
    }
    line += strcspn(line, "\n");
  }
  return false;
}

// Path of this process in the unified hierarchy: the line that starts with "0::".
std::string OwnControlGroup() {
  std::string text;
  if (!ReadProcFile("/proc/self/cgroup", &text)) return "";
  const size_t line = text.compare(0, 3, "0::") == 0 ? 0 : text.find("\n0::");
  if (line == std::string::npos) return "";
  const size_t start = text.find("::", line) + 2;
  return text.substr(start, text.find('\n', start) - start);
}

// Two lines of equal shape that begin with `group`: names, then values.
bool ReadNetworkCounter(const char* file, const char* group, const char* counter, uint64_t* out) {
  std::string text;
  if (!ReadProcFile(file, &text)) return false;
  const char* names = strstr(text.c_str(), group);
  const char* values = names == nullptr ? nullptr : strstr(names + 1, group);
  if (values == nullptr) return false;
  while (true) {
    const Word name = NextWord(&names);
    const Word value = NextWord(&values);
    if (name.size == 0 || value.size == 0) return false;
    if (!name.Is(counter)) continue;
    *out = strtoull(value.text, nullptr, 10);
    return true;
  }
}

}  // namespace

void* WipedOnForkPage(size_t size) {
  void* made = wiped_page.memory.load(std::memory_order_acquire);
  if (made != nullptr) return size <= wiped_page.size.load() ? made : nullptr;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  wiped_page.size.store(size);
  if (!wiped_page.memory.compare_exchange_strong(made, memory, std::memory_order_acq_rel)) {
    munmap(memory, size);
    return made;
  }
  if (madvise(memory, size, MADV_WIPEONFORK) != 0) pthread_atfork(nullptr, nullptr, ClearInChild);
  return memory;
}

void PinLibrary() {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<void*>(&PinLibrary), &info) == 0 || info.dli_fname == nullptr) return;
  // The handle is not kept: RTLD_NODELETE holds without it. In the main program this finds nothing, and needs nothing.
  void* handle = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  if (handle != nullptr) dlclose(handle);
}

void RunAtExit(void (*hook)()) {
  // Full tables leave the end of the process without a clean mark; there is nobody to tell.
  atexit(hook);
  at_quick_exit(hook);
}

bool OtherThreadsWereEnded() { return false; }

void WatchSessionEnd(void (*)(SessionEndNotice)) {}

bool OutOfMemoryKills(uint64_t* out) {
  std::string text;
  const std::string group = OwnControlGroup();
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (group.empty()) break;
    if (ReadProcFile(mount + group + "/memory.events", &text) && FindCounter(text, "oom_kill", out)) return true;
  }
  return ReadProcFile("/proc/vmstat", &text) && FindCounter(text, "oom_kill", out);
}

bool NoRouteDrops(uint64_t* out) { return ReadNetworkCounter("/proc/net/snmp", "Ip: ", "OutNoRoutes", out); }

bool RefusedRetransmits(uint64_t* out) {
  return ReadNetworkCounter("/proc/net/netstat", "TcpExt: ", "TCPRetransFail", out);
}

bool WaitedForProcessorMs(uint64_t* out) {
  // Nanoseconds on a processor, nanoseconds of waiting for one, and how often.
  std::string line;
  if (!ReadProcLine("/proc/thread-self/schedstat", &line)) return false;
  const char* at = line.c_str();
  NextWord(&at);
  const Word waited = NextWord(&at);
  if (waited.size == 0) return false;
  *out = strtoull(waited.text, nullptr, 10) / 1000000;
  return true;
}

std::vector<std::string> ProgramArguments(int count, char** words) {
  return count > 1 ? std::vector<std::string>(words + 1, words + count) : std::vector<std::string>();
}

void* LoadLibraryByName(const char* const* names, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    void* library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library != nullptr) return library;
  }
  return nullptr;
}

void* FindSymbol(void* library, const char* name) { return dlsym(library, name); }

}  // namespace whydrop::platform
