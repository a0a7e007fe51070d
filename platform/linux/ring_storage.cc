#include "platform/ring_storage.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/linux/errno_status.h"

namespace whydrop::platform {
namespace {

constexpr int kMadvPopulateWrite = 23;  // Linux 5.14; older headers do not name it
constexpr long kXfsMagic = 0x58465342;  // not in linux/magic.h of older headers

// The live mappings of files, for the SIGBUS handler. `start` is published last and cleared first; a reader that sees a
// start of zero skips the entry. Constant-initialised: a handler may come before or after any static constructor.
struct LiveMapping {
  std::atomic<uintptr_t> start{0};
  std::atomic<size_t> size{0};
  std::atomic<bool> taken{false};
};
LiveMapping live_mappings[64];

bool RememberMapping(const void* data, size_t size) {
  for (LiveMapping& mapping : live_mappings) {
    if (mapping.taken.exchange(true, std::memory_order_acquire)) continue;
    mapping.size.store(size, std::memory_order_relaxed);
    mapping.start.store(reinterpret_cast<uintptr_t>(data), std::memory_order_release);
    return true;
  }
  return false;
}

void ForgetMapping(const void* data) {
  for (LiveMapping& mapping : live_mappings) {
    if (mapping.start.load(std::memory_order_acquire) != reinterpret_cast<uintptr_t>(data)) continue;
    mapping.start.store(0, std::memory_order_relaxed);
    mapping.taken.store(false, std::memory_order_release);
  }
}

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

Status RingStorage::Create(const std::string& path, size_t size) {
  const Status status = MakeFile(StorageMode::kMapped, path, size, true);
  const bool full = status.kind == StatusKind::kNoSpace || status.kind == StatusKind::kExists;
  return status.ok() || full ? status : CreateAs(StorageMode::kFile, path, size);
}

Status RingStorage::CreateAs(StorageMode mode, const std::string& path, size_t size) {
  return MakeFile(mode, path, size, false);
}

Status RingStorage::MakeFile(StorageMode mode, const std::string& path, size_t size, bool only_known_systems) {
  if (data_ != nullptr || size == 0) return {StatusKind::kInvalid, 0};
  if (mode == StorageMode::kVolatile) return AllocatePrivate(size);
  Status status = File::CreateNew(path, &file_);
  if (!status.ok()) return status;
  status = file_.TryLock();
  if (status.ok() && mode == StorageMode::kMapped) {
    status = MapFile(size, only_known_systems);
  } else if (status.ok()) {
    const bool sized = ftruncate(static_cast<int>(file_.handle()), static_cast<off_t>(size)) == 0;
    status = sized ? AllocatePrivate(size) : StatusFromErrno(errno);
  }
  if (!status.ok()) {
    file_.Close();
    unlink(path.c_str());
    return status;
  }
  mode_ = mode;
  path_ = path;
  writes_file_.store(mode == StorageMode::kFile);
  return OkStatus();
}

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

bool RingStorage::Written(size_t offset, size_t size) const {
  if (!writes_file_.load(std::memory_order_acquire)) return true;
  const ErrnoKeeper keep_errno;
  // Sequentially consistent with CloseFile: either it sees this writer, or this writer sees the file gone.
  writers_.fetch_add(1);
  bool ok = true;
  while (size > 0 && ok && writes_file_.load()) {
    const ssize_t count = pwrite(static_cast<int>(file_.handle()), data_ + offset, size, static_cast<off_t>(offset));
    if (count > 0) {
      offset += static_cast<size_t>(count);
      size -= static_cast<size_t>(count);
    } else {
      ok = count < 0 && errno == EINTR;
    }
  }
  writers_.fetch_sub(1, std::memory_order_release);
  return ok;
}

void RingStorage::Prefault() const {
  if (data_ == nullptr) return;
  if (madvise(data_, size_, kMadvPopulateWrite) == 0) return;
  // Adding zero dirties the page and loses no store of another thread.
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (size_t at = 0; at < size_; at += page) __atomic_fetch_add(data_ + at, uint8_t{0}, __ATOMIC_RELAXED);
}

void RingStorage::Sync() const {
  // A failed sync leaves nothing to be done here: the pages stay dirty or are lost, and the reader checks every record.
  if (mode_ == StorageMode::kMapped) msync(data_, size_, MS_SYNC);
  if (mode_ == StorageMode::kFile) fdatasync(static_cast<int>(file_.handle()));
}

void RingStorage::CloseFile() {
  writes_file_.store(false);
  // A writer is inside for microseconds unless the disk hangs; then its descriptor is given up rather than waited for.
  const uint64_t deadline = MonotonicNs() + 1000000000;
  while (writers_.load() != 0) {
    if (MonotonicNs() > deadline) {
      new File(std::move(file_));
      return;
    }
    sched_yield();
  }
  file_.Close();
}

void RingStorage::Retire() {
  if (mode_ == StorageMode::kMapped) {
    // One call replaces the pages: a thread inside a recording call never meets a hole.
    if (MapPrivate(data_, size_, MAP_FIXED | MAP_NORESERVE) != MAP_FAILED) ForgetMapping(data_);
  }
  CloseFile();
  mode_ = StorageMode::kVolatile;
}

void RingStorage::Discard() {
  const bool has_file = mode_ != StorageMode::kVolatile;
  if (has_file) unlink(path_.c_str());
  Retire();
}

void RingStorage::BecomeVolatile() {
  if (mode_ == StorageMode::kVolatile) return;
  unlink(path_.c_str());
  if (mode_ == StorageMode::kMapped) {
    void* copy = MapPrivate(nullptr, size_, 0);
    if (copy == MAP_FAILED) {
      Retire();  // out of memory: the deletion was promised, the contents were not
      return;
    }
    // Word by word, because other threads go on storing; what they store between copy and exchange is lost.
    auto* to = static_cast<uint64_t*>(copy);
    auto* from = reinterpret_cast<uint64_t*>(data_);
    for (size_t i = 0; i < size_ / sizeof(uint64_t); ++i) to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
    if (mremap(copy, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, data_) == MAP_FAILED) {
      munmap(copy, size_);
      Retire();
      return;
    }
    ForgetMapping(data_);
  }
  CloseFile();
  mode_ = StorageMode::kVolatile;
}

bool RescueRingMapping(uintptr_t address) {
  for (LiveMapping& mapping : live_mappings) {
    const uintptr_t start = mapping.start.load(std::memory_order_acquire);
    const size_t size = mapping.size.load(std::memory_order_relaxed);
    if (start == 0 || address < start || address - start >= size) continue;
    return MapPrivate(reinterpret_cast<void*>(start), size, MAP_FIXED | MAP_NORESERVE) != MAP_FAILED;
  }
  return false;
}

}  // namespace whydrop::platform
