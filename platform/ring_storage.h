// The memory of a ring: mapped to a file where that is safe, otherwise private memory that is written to the file
// record by record, otherwise private memory alone. The memory is never unmapped once it was handed out, because a game
// thread may be inside a recording call at any moment: Retire replaces it.
//
// Thread rule: Create, Retire, Prefault and Discard on one thread at a time; Written from any thread.
#ifndef WHYDROP_PLATFORM_RING_STORAGE_H
#define WHYDROP_PLATFORM_RING_STORAGE_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "platform/file.h"
#include "platform/status.h"

namespace whydrop::platform {

enum class StorageMode : int32_t { kMapped = 1, kFile = 2, kVolatile = 3 };  // values of WHYDROP_STORAGE_*

class RingStorage {
 public:
  RingStorage() = default;
  RingStorage(const RingStorage&) = delete;
  RingStorage& operator=(const RingStorage&) = delete;

  // Makes a new file of `size` bytes of zeros at `path`, locked, and its memory. Picks the mode by the file system:
  // ext4, xfs and tmpfs are mapped after fallocate; btrfs after switching copy-on-write off; NTFS on this machine's
  // disks where the file is neither compressed nor sparse, from Windows 10 1803; others and unknown ones are written
  // record by record. Not OK: nothing was made, no file is left.
  Status Create(const std::string& path, size_t size);
  // As Create with the mode given, for tests and for WHYDROP_CONSENT_DENIED (kVolatile, path unused).
  Status CreateAs(StorageMode mode, const std::string& path, size_t size);

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  StorageMode mode() const { return mode_; }
  const std::string& path() const { return path_; }

  // Call after bytes of the memory were changed that shall survive the process: writes them in mode kFile, nothing
  // otherwise. False: the system refused (a full disk); the record is in memory only.
  bool Written(size_t offset, size_t size) const;

  // Touches every page for writing, so that recording threads take no page faults. Worker thread.
  void Prefault() const;
  // Asks the system to write everything, or the pages of a part, to the disk. Worker thread; may block, but where
  // threads that record would have to wait for it too (mode kFile on Windows) nothing is asked. Whoever writes to such
  // a page next takes a page fault, so a part is better than everything.
  void Sync() const { Sync(0, size_); }
  void Sync(size_t offset, size_t size) const;

  // Ends the file's part: data() stays valid memory that belongs to nobody, the file is closed and unlocked.
  void Retire();
  // Retire, and the file is removed.
  void Discard();
  // Deletes the file and goes on with the same addresses and contents in private memory: mode kVolatile.
  void BecomeVolatile();

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  StorageMode mode_ = StorageMode::kVolatile;
  std::string path_;
  File file_;
  // Written may run on any thread while the owner ends the file: the file is closed only when nobody is inside, or else
  // a record could be written into whatever got the same descriptor next.
  std::atomic<bool> writes_file_{false};
  mutable std::atomic<uint32_t> writers_{0};

  Status MakeFile(StorageMode mode, const std::string& path, size_t size, bool only_known_systems);
  void CloseFile();

  // Of each system.
  Status MapFile(size_t size, bool only_known_systems);
  Status AllocatePrivate(size_t size);
  Status SetFileSize(size_t size);
  // Puts private memory in the place of the mapping, at the same addresses, in one step for all other threads.
  enum class MappedContents { kZeros, kKept };
  bool ReplaceMapping(MappedContents contents);
};

// If `address` lies in a mapped ring whose file failed under it (a SIGBUS because another process cut the file, an
// in-page error because the disk is gone), puts private memory in its place and returns true. Signal-safe.
bool RescueRingMapping(uintptr_t address);

}  // namespace whydrop::platform

#endif
