// Children that are this program again, and how they ended: by GetExitCodeProcess, because under Wine the host's exit
// status keeps only the low eight bits.
#ifndef WHYDROP_TESTS_CRASH_WINDOWS_CHILD_H
#define WHYDROP_TESTS_CRASH_WINDOWS_CHILD_H

#include <windows.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/own_job_windows.h"

namespace whydrop_test {

inline constexpr DWORD kDidNotStart = 0xDEAD0001;
inline constexpr DWORD kDidNotEnd = 0xDEAD0002;

class Child {
 public:
  // `output`, if any, becomes its standard output; it must be inheritable.
  explicit Child(const std::vector<std::string>& arguments, HANDLE output = nullptr) {
    // No box that asks a player what to do with a crash.
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    char path[MAX_PATH] = {};
    GetModuleFileNameA(nullptr, path, MAX_PATH);
    std::string line = "\"" + std::string(path) + "\"";
    for (const std::string& argument : arguments) line += " \"" + argument + "\"";
    STARTUPINFOA start = {};
    start.cb = sizeof start;
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdOutput = output != nullptr ? output : GetStdHandle(STD_OUTPUT_HANDLE);
    PROCESS_INFORMATION made = {};
    if (!CreateProcessA(path, line.data(), nullptr, nullptr, TRUE, CREATE_SUSPENDED, nullptr, nullptr, &start, &made)) {
      std::printf("a process could not be started: error %lu\n", GetLastError());
      return;
    }
    RunInOwnJob(made);
    process_ = made.hProcess;
  }
  ~Child() {
    if (process_ != nullptr) CloseHandle(process_);
  }
  Child(Child&& other) noexcept : process_(std::exchange(other.process_, nullptr)) {}
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  HANDLE process() const { return process_; }

  // Its exit code; kDidNotEnd when it had to be ended.
  DWORD Wait(DWORD limit_ms = 200000) const {
    if (process_ == nullptr) return kDidNotStart;
    if (WaitForSingleObject(process_, limit_ms) != WAIT_OBJECT_0) {
      TerminateProcess(process_, kDidNotEnd);
      WaitForSingleObject(process_, limit_ms);
      return kDidNotEnd;
    }
    DWORD code = kDidNotEnd;
    GetExitCodeProcess(process_, &code);
    return code;
  }

 private:
  HANDLE process_ = nullptr;
};

// Memory shared with one child, which gets the handle's number on its command line.
template <typename T>
class SharedMemory {
 public:
  SharedMemory() {
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, nullptr, TRUE};
    mapping_ = CreateFileMappingW(INVALID_HANDLE_VALUE, &inherited, PAGE_READWRITE, 0, sizeof(T), nullptr);
    memory_ = Map(number().c_str());
  }
  ~SharedMemory() {
    UnmapViewOfFile(memory_);
    CloseHandle(mapping_);
  }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // The child's side, for the life of the process; nullptr: no such memory.
  static T* Map(const char* number) {
    const auto mapping = reinterpret_cast<HANDLE>(std::strtoull(number, nullptr, 10));
    return static_cast<T*>(MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, sizeof(T)));
  }
  std::string number() const { return std::to_string(reinterpret_cast<uintptr_t>(mapping_)); }
  const T* operator->() const { return memory_; }

 private:
  HANDLE mapping_ = nullptr;
  T* memory_ = nullptr;
};

}  // namespace whydrop_test

#endif
