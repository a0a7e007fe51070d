// What was acknowledged and is not in the engine yet: rows in files of a directory of this machine. A file is a
// segment: it grows while batches arrive, is closed, and its bytes never change again, so that the engine can tell a
// block that comes twice. frames.h has the format.
//
// A spool directory serves several collectors of one machine: each locks a directory of its own in it, and takes over
// what it finds in those that nobody locks.
//
// A damaged segment loses the batches that are damaged, not those behind them. It is counted, and when the rest is in
// the engine it stays beside the others as NAME.damaged.
//
// A file that cannot be opened or read, or that a newer collector wrote, is left where it is, as it is: counted, and
// tried again with each search for what others left.
//
// Thread rule: one thread appends and closes, one sets aside and takes over; everything else from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SPOOL_H

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/metrics.h"
#include "samples/collector/store/clickhouse/spool/frames.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector::clickhouse {

// A file of the spool cannot be used now; the engine has no part in it.
class SpoolError : public StoreError {
 public:
  using StoreError::StoreError;
};

struct Segment {
  std::string path;
  uint64_t bytes = 0;
  int64_t oldest_s = INT64_MAX;  // when its first batch was received
  size_t rows = 0;
  uint32_t batches = 0;    // that were written, as far as is known
  bool was_found = false;  // another collector may have sent it already, or a part of it
  // What was found when it was read, and is counted.
  uint64_t damaged_bytes = 0;
  uint64_t unfinished_bytes = 0;
  uint64_t lost_batches = 0;

  bool IsDamaged() const { return damaged_bytes != 0 || lost_batches != 0; }
};

// Held until it or its process ends, however that ends.
class DirectoryLock {
 public:
  DirectoryLock() = default;
  // Throws StoreError if the directory cannot be used.
  explicit DirectoryLock(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept { std::swap(fd_, other.fd_); }
  DirectoryLock& operator=(DirectoryLock&& other) noexcept { return std::swap(fd_, other.fd_), *this; }

  // False: somebody else holds it.
  bool held() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class Spool {
 public:
  // Throws StoreError. `found` gets what an earlier collector left, the oldest first.
  Spool(const std::string& directory, uint64_t max_bytes, Metrics* metrics, std::vector<Segment>* found);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Durable when it returns. Throws StoreError and keeps nothing if the disk is full or the spool is.
  void Append(const std::vector<SpooledBatch>& batches);

  const Segment& open() const { return open_; }  // rows == 0: there is none
  Segment Close();

  // The batches of a segment that are whole. Throws SpoolError if the file cannot be read, for want of a descriptor
  // too, or is of a newer collector: it stays then.
  FramesRead Load(Segment* segment);
  void Remove(const Segment& segment);
  // For a while: TakeOver tries it again.
  void SetAside(const Segment& segment, const SpoolError& why);

  // Adds what collectors left that are gone, and what was set aside, not much more than `most_bytes` of it. Throws
  // StoreError; what it added before that is taken over all the same.
  void TakeOver(uint64_t most_bytes, std::vector<Segment>* taken);

  uint64_t bytes() const { return bytes_; }
  uint64_t max_bytes() const { return max_bytes_; }

 private:
  void LockDirectory();
  void TakeFiles(const std::vector<std::string>& paths, uint64_t* most_bytes, std::vector<Segment>* taken);
  void TakeFrom(const std::string& other, uint64_t* most_bytes, std::vector<Segment>* taken);
  Segment Find(const std::string& path);
  void NoteAside(const std::string& path, const std::string& why);
  std::vector<std::string> AsideHere();
  bool CutBack();
  void OpenSegment();

  const std::string root_;
  const uint64_t max_bytes_;
  Metrics* const metrics_;
  std::string directory_;  // in root_
  DirectoryLock lock_;
  std::set<std::string> aside_;  // files, and directories of others, that could not be used
  int fd_ = -1;
  uint64_t next_name_ = 0;
  std::string mark_;  // of the open segment
  Segment open_;
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace whydrop::collector::clickhouse

#endif
