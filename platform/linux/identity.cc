#include "platform/identity.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "platform/id_text.h"
#include "platform/linux/errno_status.h"
#include "platform/linux/proc_file.h"

namespace whydrop::platform {
namespace {

struct StatLine {
  char state = 0;
  uint64_t start_time = 0;
};

// The command name is the only field that may hold spaces and parentheses, so the fields are counted from the last ')'.
bool ParseStatLine(const std::string& line, StatLine* out) {
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= line.size()) return false;
  size_t at = name_end + 2;
  out->state = line[at];
  constexpr int kFieldsFromStateToStartTime = 22 - 3;
  for (int field = 0; field < kFieldsFromStateToStartTime; ++field) {
    at = line.find(' ', at);
    if (at == std::string::npos) return false;
    ++at;
  }
  out->start_time = strtoull(line.c_str() + at, nullptr, 10);
  return true;
}

uint64_t PidNamespace() {
  struct stat info = {};
  return stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

Id16 ReadId(const char* path) {
  std::string text;
  return ReadProcLine(path, &text) ? ParseId(text) : Id16{};
}

}  // namespace

ProcessIdentity CurrentProcess() {
  ProcessIdentity self;
  self.pid = RawPid();
  self.pid_namespace = PidNamespace();
  std::string line;
  StatLine parsed;
  if (ReadProcLine("/proc/self/stat", &line) && ParseStatLine(line, &parsed)) self.start_time = parsed.start_time;
  return self;
}

Liveness CheckProcess(const ProcessIdentity& process) {
  if (process.pid_namespace != PidNamespace()) return Liveness::kUnknown;
  std::string line;
  int error = 0;
  if (!ReadProcLine("/proc/" + std::to_string(process.pid) + "/stat", &line, &error)) {
    return error == ENOENT || error == ESRCH ? Liveness::kDead : Liveness::kUnknown;
  }
  StatLine parsed;
  if (!ParseStatLine(line, &parsed)) return Liveness::kUnknown;
  const bool gone = parsed.state == 'Z' || parsed.state == 'X' || parsed.start_time != process.start_time;
  return gone ? Liveness::kDead : Liveness::kAlive;
}

Id16 BootId() { return ReadId("/proc/sys/kernel/random/boot_id"); }

Boots CompareBoots(const Id16& one, const Id16& other) {
  if (one == Id16{} || other == Id16{}) return Boots::kUnknown;
  return one == other ? Boots::kSame : Boots::kOther;
}

Id16 MachineId() { return ReadId("/etc/machine-id"); }

Status RandomBytes(void* out, size_t size) {
  auto* at = static_cast<uint8_t*>(out);
  while (size > 0) {
    const ssize_t count = getrandom(at, size, 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      return StatusFromErrno(errno);
    }
    at += count;
    size -= static_cast<size_t>(count);
  }
  return OkStatus();
}

SystemKind CurrentSystem() { return SystemKind::kLinux; }

uint64_t CurrentThreadId() { return static_cast<uint64_t>(syscall(SYS_gettid)); }

uint64_t RawPid() { return static_cast<uint64_t>(syscall(SYS_getpid)); }

}  // namespace whydrop::platform
