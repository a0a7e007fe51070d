// Children that are this program again, and how they ended: by GetExitCodeProcess, because under Wine the host's exit
// status keeps only the low eight bits.
#ifndef WHYDROP_TESTS_CRASH_WINDOWS_CHILD_H
#define WHYDROP_TESTS_CRASH_WINDOWS_CHILD_H

#include <windows.h>

#include <string>
#include <utility>
#include <vector>

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
    if (!CreateProcessA(path, line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr, &start, &made)) return;
    CloseHandle(made.hThread);
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
  DWORD Wait(DWORD limit_ms = 60000) const {
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

}  // namespace whydrop_test

#endif
