#include "platform/ring_storage.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "platform/linux/errno_status.h"
#include "platform/live_mappings.h"

namespace whydrop::platform {
namespace {

constexpr int kMadvPopulateWrite = 23;  // Linux 5.14; older headers do not name it
constexpr long kXfsMagic = 0x58465342;  // not in linux/magic.h of older headers

void* MapPrivate(void* address, size_t size, int extra_flags) {
  return mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
}

// Whether a store to a mapping of reserved blocks is known to find them.
bool KeepsReservations(long file_system) {
  return file_system == EXT4_SUPER_MAGIC /* also ext2 and ext3 */ || file_system == kXfsMagic ||
         file_system == TMPFS_MAGIC || file_system == BTRFS_SUPER_MAGIC;
}

// Reserves every block, so that no later store to the mapping can find the disk full. Copy-on-write would take a new
// block at each store, reserved or not, and has to be switched off while the file is empty.
Status ReserveBlocks(int fd, size_t size, bool only_known_systems) {
  struct statfs info = {};
  if (fstatfs(fd, &info) != 0) return StatusFromErrno(errno);
  const auto file_system = static_cast<long>(info.f_type);
  if (only_known_systems && !KeepsReservations(file_system)) return {StatusKind::kUnsupported, 0};
  if (file_system == BTRFS_SUPER_MAGIC) {
    int flags = 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return StatusFromErrno(errno);
    flags |= FS_NOCOW_FL;
    if (ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0) return StatusFromErrno(errno);
  }
  // Not posix_fallocate: where the file system cannot reserve, the C library would write zeros, which reserves nothing
  // on a copy-on-write system.
  while (fallocate(fd, 0, 0, static_cast<off_t>(size)) != 0) {
    if (errno != EINTR) return StatusFromErrno(errno);
  }
  return OkStatus();
}

}  // namespace

Status RingStorage::MapFile(size_t size, bool only_known_systems) {
  const int fd = static_cast<int>(file_.handle());
  const Status status = ReserveBlocks(fd, size, only_known_systems);
  if (!status.ok()) return status;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return StatusFromErrno(errno);
  if (!RememberMapping(memory, size)) {
    munmap(memory, size);  // nobody has seen it yet
    return {StatusKind::kUnsupported, 0};
  }
  data_ = static_cast<uint8_t*>(memory);
  size_ = size;
  return OkStatus();
}

Status RingStorage::AllocatePrivate(size_t size) {
  void* memory = MapPrivate(nullptr, size, 0);
  if (memory == MAP_FAILED) return {StatusKind::kNoMemory, errno};
  data_ = static_cast<uint8_t*>(memory);
  size_ = size;
  return OkStatus();
}

void RingStorage::Prefault() const {
  if (data_ == nullptr) return;
  if (madvise(data_, size_, kMadvPopulateWrite) == 0) return;
  // Adding zero dirties the page and loses no store of another thread.
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (size_t at = 0; at < size_; at += page) __atomic_fetch_add(data_ + at, uint8_t{0}, __ATOMIC_RELAXED);
}

void RingStorage::Sync(size_t offset, size_t size) const {
  // A failed sync leaves nothing to be done here: the pages stay dirty or are lost, and the reader checks every record.
  if (mode_ == StorageMode::kMapped) {
    const size_t before = offset % static_cast<size_t>(sysconf(_SC_PAGESIZE));
    msync(data_ + offset - before, size + before, MS_SYNC);
  }
  if (mode_ == StorageMode::kFile) (void)file_.Sync();
}

Status RingStorage::SetFileSize(size_t size) {
  return ftruncate(static_cast<int>(file_.handle()), static_cast<off_t>(size)) == 0 ? OkStatus()
                                                                                    : StatusFromErrno(errno);
}

// One call replaces the pages: a thread inside a recording call never meets a hole.
bool RingStorage::ReplaceMapping(MappedContents contents) {
  if (contents == MappedContents::kZeros) {
    return MapPrivate(data_, size_, MAP_FIXED | MAP_NORESERVE) != MAP_FAILED;
  }
  void* copy = MapPrivate(nullptr, size_, 0);
  if (copy == MAP_FAILED) return false;
  // Word by word, because other threads go on storing; what they store between copy and exchange is lost.
  auto* to = static_cast<uint64_t*>(copy);
  auto* from = reinterpret_cast<uint64_t*>(data_);
  for (size_t i = 0; i < size_ / sizeof(uint64_t); ++i) to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
  if (mremap(copy, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, data_) != MAP_FAILED) return true;
  munmap(copy, size_);
  return false;
}

bool RescueRingMapping(uintptr_t address) {
  uintptr_t start = 0;
  size_t size = 0;
  return FindMapping(address, &start, &size) &&
         MapPrivate(reinterpret_cast<void*>(start), size, MAP_FIXED | MAP_NORESERVE) != MAP_FAILED;
}

}  // namespace whydrop::platform
