// What is the same on every system: which mode, and how a file ends while threads of the game still record.
#include "platform/ring_storage.h"

#include <thread>
#include <utility>

#include "platform/clock.h"
#include "platform/last_error.h"
#include "platform/live_mappings.h"

namespace whydrop::platform {

Status RingStorage::Create(const std::string& path, size_t size) {
  Status status = MakeFile(StorageMode::kMapped, path, size, true);
  // Another process was just looking at the new file, for a ring that is dead.
  if (status.kind == StatusKind::kBusy) status = MakeFile(StorageMode::kMapped, path, size, true);
  return status;
}

Status RingStorage::CreateAs(StorageMode mode, const std::string& path, size_t size) {
  return MakeFile(mode, path, size, false);
}

Status RingStorage::MakeFile(StorageMode mode, const std::string& path, size_t size, bool only_known_systems) {
  if (data_ != nullptr || size == 0) return {StatusKind::kInvalid, 0};
  if (mode == StorageMode::kVolatile) return AllocatePrivate(size);
  path_ = path;  // before there is a file: it takes memory, and who runs out of it wants the file removed
  Status status = File::CreateNew(path, &file_);
  if (!status.ok()) return status;
  status = file_.TryLock();
  if (status.ok() && mode == StorageMode::kMapped) {
    status = MapFile(size, only_known_systems);
    // The same file, because the name of a removed one is not free as long as anybody has it open.
    if (!status.ok() && only_known_systems && status.kind != StatusKind::kNoSpace) {
      mode = StorageMode::kFile;
      status = OkStatus();
    }
  }
  if (status.ok() && mode == StorageMode::kFile) {
    status = SetFileSize(size);
    if (status.ok()) status = AllocatePrivate(size);
  }
  if (!status.ok()) {
    file_.Close();
    (void)RemoveFile(path);
    return status;
  }
  mode_ = mode;
  writes_file_.store(mode == StorageMode::kFile);
  return OkStatus();
}

bool RingStorage::Written(size_t offset, size_t size) const {
  if (!writes_file_.load(std::memory_order_acquire)) return true;
  const LastErrorKeeper keep_error;
  // Sequentially consistent with CloseFile: either it sees this writer, or this writer sees the file gone.
  writers_.fetch_add(1);
  const bool ok = !writes_file_.load() || file_.WriteAt(offset, data_ + offset, size).ok();
  writers_.fetch_sub(1, std::memory_order_release);
  return ok;
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
    std::this_thread::yield();
  }
  file_.Close();
}

void RingStorage::Retire() {
  if (mode_ == StorageMode::kMapped && ReplaceMapping(MappedContents::kZeros)) ForgetMapping(data_);
  CloseFile();
  mode_ = StorageMode::kVolatile;
}

void RingStorage::Discard() {
  const bool has_file = mode_ != StorageMode::kVolatile;
  Retire();
  if (has_file) (void)RemoveFile(path_);
}

void RingStorage::BecomeVolatile() {
  if (mode_ == StorageMode::kVolatile) return;
  // Out of memory: the deletion was promised, the contents were not.
  if (mode_ == StorageMode::kMapped && !ReplaceMapping(MappedContents::kKept)) ReplaceMapping(MappedContents::kZeros);
  if (mode_ == StorageMode::kMapped) ForgetMapping(data_);
  CloseFile();
  (void)RemoveFile(path_);
  mode_ = StorageMode::kVolatile;
}

}  // namespace whydrop::platform
