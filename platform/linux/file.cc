#include "platform/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "platform/first_names.h"
#include "platform/linux/errno_status.h"
#include "platform/linux/own_descriptor.h"

namespace whydrop::platform {
namespace {

constexpr unsigned kRenameNoReplace = 1;  // RENAME_NOREPLACE, which older C libraries do not name

int Descriptor(intptr_t handle) { return static_cast<int>(handle); }

// No umask may widen or narrow what the contract promises to the owner; it can only narrow, which is harmless.
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

Status CheckDirectory(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return StatusFromErrno(errno);
  const bool ours = S_ISDIR(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  return ours ? OkStatus() : Status{StatusKind::kInvalid, 0};
}

FileFacts FactsFrom(const struct stat& info) {
  FileFacts facts;
  facts.size_bytes = static_cast<uint64_t>(info.st_size);
  // Anybody can set any time: beyond these seconds it would run over when told in milliseconds.
  constexpr int64_t kMaxSeconds = int64_t{1} << 50;
  const int64_t seconds = std::clamp(static_cast<int64_t>(info.st_mtim.tv_sec), -kMaxSeconds, kMaxSeconds);
  facts.modified_unix_ms = seconds * 1000 + info.st_mtim.tv_nsec / 1000000;
  return facts;
}

}  // namespace

Status File::OpenExisting(const std::string& path, Mode mode, File* out) {
  // O_NONBLOCK: opening a pipe that somebody put there must not block.
  const int access = mode == Mode::kRead ? O_RDONLY : O_RDWR;
  const int fd = ::open(path.c_str(), access | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return StatusFromErrno(errno);
  File file;
  file.handle_ = fd;
  file.named_ = WhatIsNamed(fd);
  struct stat info = {};
  if (fstat(fd, &info) != 0) return StatusFromErrno(errno);
  if (info.st_nlink == 0) return {StatusKind::kNotFound, ENOENT};  // removed since it was opened
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1 || info.st_uid != geteuid()) return {StatusKind::kInvalid, 0};
  *out = std::move(file);
  return OkStatus();
}

Status File::CreateNew(const std::string& path, File* out) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode);
  if (fd < 0) return StatusFromErrno(errno);
  File file;
  file.handle_ = fd;
  file.named_ = WhatIsNamed(fd);
  *out = std::move(file);
  return OkStatus();
}

Status File::Facts(FileFacts* out) const {
  struct stat info = {};
  if (fstat(Descriptor(handle_), &info) != 0) return StatusFromErrno(errno);
  *out = FactsFrom(info);
  return OkStatus();
}

Status File::ReadAt(uint64_t offset, void* data, size_t size, size_t* read) const {
  *read = 0;
  while (*read < size) {
    const ssize_t count = pread(Descriptor(handle_), static_cast<uint8_t*>(data) + *read, size - *read,
                                static_cast<off_t>(offset + *read));
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      return StatusFromErrno(errno);
    }
    *read += static_cast<size_t>(count);
  }
  return OkStatus();
}

Status File::WriteAt(uint64_t offset, const void* data, size_t size) const {
  if (!StillNames(handle_, named_)) return {StatusKind::kIo, EBADF};
  const auto* bytes = static_cast<const uint8_t*>(data);
  while (size > 0) {
    const ssize_t count = pwrite(Descriptor(handle_), bytes, size, static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      return StatusFromErrno(errno);
    }
    bytes += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return OkStatus();
}

Status File::Sync() const {
  if (!StillNames(handle_, named_)) return {StatusKind::kIo, EBADF};
  return fsync(Descriptor(handle_)) == 0 ? OkStatus() : StatusFromErrno(errno);
}

Status File::TryLock() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(Descriptor(handle_), F_SETLK, &lock) == 0) return OkStatus();
  const int error = errno;
  if (error == EACCES || error == EAGAIN) return {StatusKind::kBusy, error};
  return StatusFromErrno(error);
}

void File::Close() {
  if (handle_ == kNone) return;
  CloseIfStill(handle_, named_);
  handle_ = kNone;
}

Status DefaultStateDirectory(std::string* out) {
  // secure_getenv: a set-uid program must not be led into a directory of its caller's choice.
  const char* state_home = secure_getenv("XDG_STATE_HOME");
  if (state_home != nullptr && state_home[0] == '/') {
    *out = std::string(state_home) + "/whydrop";
    return OkStatus();
  }
  const char* home = secure_getenv("HOME");
  passwd entry = {};
  passwd* found = nullptr;
  std::vector<char> buffer;
  if (home == nullptr || home[0] != '/') {
    buffer.resize(16 * 1024);
    const int error = getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr || found->pw_dir == nullptr || found->pw_dir[0] != '/') return {StatusKind::kNotFound, error};
    home = found->pw_dir;
  }
  *out = std::string(home) + "/.local/state/whydrop";
  return OkStatus();
}

Status EnsureDirectory(const std::string& path) {
  std::string clean = path;
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  if (clean.empty()) return {StatusKind::kInvalid, 0};
  // At every launch but the first it is there.
  const Status found = CheckDirectory(clean);
  if (found.kind != StatusKind::kNotFound) return found;
  for (size_t slash = clean.find('/', 1); slash != std::string::npos; slash = clean.find('/', slash + 1)) {
    const std::string part = clean.substr(0, slash);
    // A parent that exists is used as it is, whatever mkdir says of it (EEXIST, or EROFS above a writable mount).
    if (mkdir(part.c_str(), kDirectoryMode) != 0 && access(part.c_str(), F_OK) != 0) return StatusFromErrno(errno);
  }
  if (mkdir(clean.c_str(), kDirectoryMode) != 0) {
    const int error = errno;
    const Status status = CheckDirectory(clean);
    return status.kind == StatusKind::kNotFound ? StatusFromErrno(error) : status;
  }
  return CheckDirectory(clean);
}

Status ListDirectory(const std::string& path, size_t limit, std::vector<std::string>* names) {
  names->clear();
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return StatusFromErrno(errno);
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) {
    const Status status = StatusFromErrno(errno);
    close(fd);
    return status;
  }
  FirstNames first(limit);
  while (const dirent* entry = readdir(directory)) {
    bool regular = entry->d_type == DT_REG;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat info = {};
      regular = fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
    }
    if (regular) first.Add(entry->d_name);
  }
  closedir(directory);
  *names = first.Take();
  return OkStatus();
}

Status LookAt(const std::string& path, FileFacts* out) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return StatusFromErrno(errno);
  if (!S_ISREG(info.st_mode)) return {StatusKind::kInvalid, 0};
  *out = FactsFrom(info);
  return OkStatus();
}

Status RemoveFile(const std::string& path) {
  return unlink(path.c_str()) == 0 || errno == ENOENT ? OkStatus() : StatusFromErrno(errno);
}

Status RenameReplacing(const std::string& from, const std::string& to) {
  return rename(from.c_str(), to.c_str()) == 0 ? OkStatus() : StatusFromErrno(errno);
}

Status RenameIfAbsent(const std::string& from, const std::string& to) {
  if (syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), kRenameNoReplace) == 0) return OkStatus();
  const int error = errno;
  // EINVAL: the file system does not know the flag. link() refuses to replace everywhere.
  if (error != EINVAL && error != ENOSYS) return StatusFromErrno(error);
  if (link(from.c_str(), to.c_str()) != 0) return StatusFromErrno(errno);
  return unlink(from.c_str()) == 0 ? OkStatus() : StatusFromErrno(errno);
}

Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return StatusFromErrno(errno);
  // EINVAL: a file system that cannot sync directories has nothing that could be waited for.
  const Status status = fsync(fd) == 0 || errno == EINVAL ? OkStatus() : StatusFromErrno(errno);
  close(fd);
  return status;
}

bool OpeningUnlocks(const std::string& path) {
  struct stat wanted = {};
  if (lstat(path.c_str(), &wanted) != 0) return false;
  DIR* descriptors = opendir("/proc/self/fd");
  if (descriptors == nullptr) return false;
  bool found = false;
  while (const dirent* entry = readdir(descriptors)) {
    // By name, because the descriptors are the game's: fstat on one that another thread closes is a race. "." and ".."
    // are no regular files.
    struct stat info = {};
    if (fstatat(dirfd(descriptors), entry->d_name, &info, 0) != 0) continue;
    if (info.st_dev == wanted.st_dev && info.st_ino == wanted.st_ino) found = true;
  }
  closedir(descriptors);
  return found;
}

}  // namespace whydrop::platform
