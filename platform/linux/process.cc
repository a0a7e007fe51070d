#include "platform/process.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
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

// The number after `key` and a space at the start of a line.
bool FindCounter(const std::string& text, const std::string& key, uint64_t* out) {
  const std::string wanted = key + " ";
  size_t line = 0;
  while (text.compare(line, wanted.size(), wanted) != 0) {
    line = text.find('\n', line);
    if (line == std::string::npos) return false;
    ++line;
  }
  *out = strtoull(text.c_str() + line + wanted.size(), nullptr, 10);
  return true;
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

std::string NextWord(const std::string& line, size_t* at) {
  const size_t start = line.find_first_not_of(' ', *at);
  if (start == std::string::npos) return "";
  *at = std::min(line.find(' ', start), line.size());
  return line.substr(start, *at - start);
}

// Two lines of equal shape that begin with `group`: names, then values.
bool ReadNetworkCounter(const char* file, const std::string& group, const char* counter, uint64_t* out) {
  std::string text;
  if (!ReadProcFile(file, &text)) return false;
  const size_t names_at = text.find(group);
  const size_t values_at = text.find("\n" + group, names_at == std::string::npos ? 0 : names_at);
  if (names_at == std::string::npos || values_at == std::string::npos) return false;
  const std::string names = text.substr(names_at, values_at - names_at);
  const std::string values = text.substr(values_at + 1, text.find('\n', values_at + 1) - values_at - 1);
  size_t name_at = 0;
  size_t value_at = 0;
  while (true) {
    const std::string name = NextWord(names, &name_at);
    const std::string value = NextWord(values, &value_at);
    if (name.empty() || value.empty()) return false;
    if (name != counter) continue;
    *out = strtoull(value.c_str(), nullptr, 10);
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

Status WatchSessionEnd(void (*)(SessionEndNotice)) { return {StatusKind::kUnsupported, 0}; }

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
