// Files and directories of the state directory. Paths are UTF-8, of any length. No child inherits what is opened,
// nothing follows a symbolic link in the last component, new directories and files are the user's alone (on Linux 0700
// and 0600, on Windows by the directory's access list).
//
// Thread rule: free functions from any thread; a File belongs to one thread at a time. Not for recording calls.
#ifndef WHYDROP_PLATFORM_FILE_H
#define WHYDROP_PLATFORM_FILE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/status.h"

namespace whydrop::platform {

struct FileFacts {
  uint64_t size_bytes = 0;
  int64_t modified_unix_ms = 0;
};

// An open file. Closes itself.
class File {
 public:
  File() = default;
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool open() const { return handle_ != kNone; }
  intptr_t handle() const { return handle_; }

  // An existing file, for reading (and writing in place). kNotFound, also if it is removed meanwhile; kInvalid if it is
  // no regular file, has more than one link, or belongs to another user.
  enum class Mode { kRead, kReadWrite };
  static Status OpenExisting(const std::string& path, Mode mode, File* out);
  // A new file; kExists if there is one.
  static Status CreateNew(const std::string& path, File* out);

  Status Facts(FileFacts* out) const;
  // Reads up to `size` bytes at `offset`; *read is less only at the end of the file.
  Status ReadAt(uint64_t offset, void* data, size_t size, size_t* read) const;
  // These two: kIo as well when the game has closed the handle, whose number may be another file's now.
  Status WriteAt(uint64_t offset, const void* data, size_t size) const;
  Status Sync() const;
  // An exclusive lock that ends with this process, kBusy if another process holds it. Where locks belong to the
  // process, closing any other File of the same file in it would release it: see OpeningUnlocks.
  Status TryLock();
  void Close();

 private:
  static constexpr intptr_t kNone = -1;
  intptr_t handle_ = kNone;
  uint64_t named_ = 0;  // by the handle, where a game may close it (linux/own_descriptor.h)
};

// The user's local state directory with "/whydrop" behind it, never roaming, never temporary. kNotFound if the system
// knows none.
Status DefaultStateDirectory(std::string* out);

// Makes the directory and its parents. OK if it is there and belongs to this user; kInvalid if it belongs to another
// user or others may write to it.
Status EnsureDirectory(const std::string& path);

// Names (not paths) of the regular entries of a directory, sorted, at most `limit` of them.
Status ListDirectory(const std::string& path, size_t limit, std::vector<std::string>* names);

// What is known of a file by its name. Opens nothing, so no lock is given away. kNotFound; kInvalid if it is no regular
// file.
Status LookAt(const std::string& path, FileFacts* out);
Status RemoveFile(const std::string& path);  // OK if it was not there
Status RenameReplacing(const std::string& from, const std::string& to);
// Gives the file a second place without replacing: kExists if `to` is there. `from` is gone afterwards.
Status RenameIfAbsent(const std::string& from, const std::string& to);
Status SyncDirectory(const std::string& path);

// Writes all bytes to a temporary name in the same directory, syncs, renames to `path` (replacing), syncs the
// directory.
Status WriteDurably(const std::string& path, const void* data, size_t size);
// As WriteDurably, but a file that is there already wins: OK either way, *existed says which.
Status WriteDurablyIfAbsent(const std::string& path, const void* data, size_t size, bool* existed);
// The whole file, kCorrupt if it is larger than `limit`.
Status ReadWhole(const std::string& path, size_t limit, std::string* out);

// Whether opening and closing the file would release a lock that this process holds on it: it is open here under some
// descriptor. Always false where a lock belongs to its handle (Windows): there TryLock of a second File is busy.
bool OpeningUnlocks(const std::string& path);

}  // namespace whydrop::platform

#endif
