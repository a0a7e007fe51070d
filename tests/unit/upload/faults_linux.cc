#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include "faults.h"

const int kDeviceError = EIO, kNoSpace = ENOSPC, kTooManyOpen = EMFILE;

namespace {

bool CallFails() {
  if (!g_calls.Strikes()) return false;
  errno = g_calls.error();
  return true;
}

template <typename Function>
Function* Next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define CATCH(type, name, failed, parameters, arguments) \
  extern "C" type name parameters {                      \
    static const auto next = Next(&name, #name);         \
    return CallFails() ? failed : next arguments;        \
  }

CATCH(ssize_t, pread, -1, (int fd, void* to, size_t size, off_t at), (fd, to, size, at))
CATCH(ssize_t, pwrite, -1, (int fd, const void* from, size_t size, off_t at), (fd, from, size, at))
CATCH(int, fsync, -1, (int fd), (fd))
CATCH(int, fallocate, -1, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
CATCH(int, ftruncate, -1, (int fd, off_t size) noexcept, (fd, size))
CATCH(int, rename, -1, (const char* from, const char* to) noexcept, (from, to))
CATCH(int, link, -1, (const char* from, const char* to) noexcept, (from, to))
CATCH(int, unlink, -1, (const char* name) noexcept, (name))
CATCH(int, mkdir, -1, (const char* name, mode_t mode) noexcept, (name, mode))
CATCH(int, pipe2, -1, (int* ends, int flags) noexcept, (ends, flags))
CATCH(int, msync, -1, (void* at, size_t size, int flags), (at, size, flags))
CATCH(DIR*, opendir, nullptr, (const char* name), (name))
CATCH(void*, mmap, MAP_FAILED, (void* at, size_t size, int protection, int flags, int fd, off_t offset) noexcept,
      (at, size, protection, flags, fd, offset))
CATCH(int, fstat, -1, (int fd, struct stat* out) noexcept, (fd, out))
CATCH(int, lstat, -1, (const char* name, struct stat* out) noexcept, (name, out))

extern "C" int open(const char* name, int flags, ...) {
  static const auto next = Next(&open, "open");
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0u;
  va_end(rest);
  return CallFails() ? -1 : next(name, flags, mode);
}

extern "C" int fcntl(int fd, int command, ...) {
  static const auto next = Next(&fcntl, "fcntl");
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  return CallFails() ? -1 : next(fd, command, argument);
}

// renameat2 and the like go through here.
extern "C" long syscall(long number, ...) noexcept {
  using Function = long(long, long, long, long, long, long, long);
  static const auto next = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, "syscall"));
  va_list rest;
  va_start(rest, number);
  long a[6];
  for (long& one : a) one = va_arg(rest, long);
  va_end(rest);
  return CallFails() ? -1 : next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
