#include "samples/collector/store/clickhouse/spool/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "samples/collector/log_line.h"

namespace whydrop::collector::clickhouse {
namespace {

namespace fs = std::filesystem;
constexpr const char* kEnding = ".rows";
constexpr const char* kDamagedEnding = ".damaged";
constexpr const char* kLockName = "lock";
constexpr size_t kNameDigits = 16;
constexpr size_t kMostDamagedKept = 64;
constexpr size_t kSomeBytes = size_t{1} << 16;
constexpr size_t kMostReadBytes = size_t{1} << 30;  // the store closes a segment long before

[[noreturn]] void Fail(const std::string& what, const std::string& path) {
  throw SpoolError("the spool cannot " + what + " '" + path + "': " + std::strerror(errno));
}

void SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) Fail("open", path);
  const int status = fsync(fd);
  close(fd);
  if (status != 0) Fail("sync", path);
}

// All of it or an error: who takes half for the whole removes what was acknowledged.
std::string ReadAll(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) Fail("open", path);
  // Its size is believed only as a hint: the end is where nothing more can be read.
  struct stat status {};
  const bool has_size = fstat(fd, &status) == 0 && status.st_size > 0;
  std::string bytes;
  size_t size = 0;
  size_t room = has_size ? static_cast<size_t>(status.st_size) + 1 : kSomeBytes;
  ssize_t count = 1;
  while (count != 0 && size < kMostReadBytes) {
    if (size == bytes.size()) bytes.resize(std::min<size_t>(size + std::exchange(room, kSomeBytes), kMostReadBytes));
    count = read(fd, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno != EINTR) break;
    size += static_cast<size_t>(std::max<ssize_t>(count, 0));
  }
  const int error = errno;
  // It is hardly ever read again, and its memory serves better for what is written next.
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
  errno = error;
  if (count < 0) Fail("read", path);
  bytes.resize(size);
  return bytes;
}

bool WriteAll(int fd, const std::string& bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = write(fd, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    written += static_cast<size_t>(count);
  }
  return true;
}

// "1795872341000000-<mark in hexadecimal>.rows": names sort by age, and none is given twice.
std::string NameOf(uint64_t age, const std::string& mark) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string number = std::to_string(age);
  if (number.size() < kNameDigits) number.insert(0, kNameDigits - number.size(), '0');
  std::string name = number + "-";
  for (const char c : mark) name += {kDigits[static_cast<uint8_t>(c) >> 4], kDigits[c & 15]};
  return name + kEnding;
}

// "" if the name has none: then nothing can be read.
std::string MarkOf(const std::string& path) {
  const std::string name = fs::path(path).stem();
  const size_t dash = name.find('-');
  if (dash == std::string::npos || name.size() != dash + 1 + 2 * kMarkBytes) return "";
  std::string mark;
  for (size_t i = dash + 1; i < name.size(); i += 2) {
    unsigned byte = 0;
    const auto [stop, status] = std::from_chars(name.data() + i, name.data() + i + 2, byte, 16);
    if (status != std::errc() || stop != name.data() + i + 2) return "";
    mark += static_cast<char>(byte);
  }
  return mark;
}

std::vector<std::string> FilesIn(const std::string& directory, const char* ending) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ending) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

size_t DamagedKept(const std::string& directory) {
  try {
    return FilesIn(directory, kDamagedEnding).size();
  } catch (const fs::filesystem_error&) {
    return kMostDamagedKept;
  }
}

// Puts what is beyond what was counted before onto the counter.
void Count(Metrics* metrics, Counter counter, uint64_t found, uint64_t* counted) {
  if (found <= *counted) return;
  metrics->Add(counter, found - *counted);
  *counted = found;
}

}  // namespace

DirectoryLock::DirectoryLock(const std::string& directory) {
  const std::string path = directory + "/" + kLockName;
  fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) Fail("open", path);
  if (flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  close(fd_);
  fd_ = -1;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) close(fd_);
}

Spool::Spool(const std::string& directory, uint64_t max_bytes, Metrics* metrics, std::vector<Segment>* found)
    : root_(directory), max_bytes_(max_bytes), metrics_(metrics) {
  uint64_t everything = UINT64_MAX;
  try {
    fs::create_directories(root_);
    LockDirectory();
    TakeFiles(FilesIn(directory_, kEnding), &everything, found);
  } catch (const fs::filesystem_error& error) {
    throw StoreError("the spool '" + directory + "' cannot be used: " + error.what());
  }
  TakeOver(everything, found);
  std::sort(found->begin(), found->end(), [](const Segment& a, const Segment& b) {
    return fs::path(a.path).filename() < fs::path(b.path).filename();
  });
  // Names sort by age, also after a clock that was set back.
  if (!found->empty()) next_name_ = std::strtoull(fs::path(found->back().path).stem().c_str(), nullptr, 10) + 1;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  next_name_ = std::max(next_name_, static_cast<uint64_t>(now_us));
}

Spool::~Spool() {
  if (fd_ >= 0) close(fd_);
}

void Spool::LockDirectory() {
  for (int number = 0; !lock_.held(); ++number) {
    directory_ = root_ + "/" + std::to_string(number);
    const bool is_new = fs::create_directory(directory_);
    try {
      lock_ = DirectoryLock(directory_);
    } catch (const SpoolError& error) {
      // Another user's, perhaps.
      if (is_new) throw;
      NoteAside(directory_, error.what());
    }
  }
  SyncDirectory(root_);
}

void Spool::NoteAside(const std::string& path, const std::string& why) {
  if (aside_.insert(path).second) {
    LogError("spool_aside", "what was acknowledged stays where it is and is tried again",
             {{"file", path}, {"why", why}});
  }
  metrics_->Set(Gauge::kSpoolAside, static_cast<int64_t>(aside_.size()));
}

void Spool::SetAside(const Segment& segment, const SpoolError& why) {
  NoteAside(segment.path, why.what());
  bytes_ -= std::min<uint64_t>(bytes_, segment.bytes);
}

// Files of the own directory that were set aside, and one by one; of another one's what is not there any more is
// forgotten, and the rest is found anew.
std::vector<std::string> Spool::AsideHere() {
  std::vector<std::string> here;
  for (auto path = aside_.begin(); path != aside_.end();) {
    const bool is_here = fs::path(*path).parent_path() == fs::path(directory_);
    std::error_code unknown;
    const bool is_gone = fs::symlink_status(*path, unknown).type() == fs::file_type::not_found;
    if (is_here) here.push_back(*path);
    path = is_gone && !is_here ? aside_.erase(path) : std::next(path);
  }
  return here;
}

// Its rows are known; what stands in another directory than the own is moved.
Segment Spool::Find(const std::string& path) {
  Segment segment;
  segment.path = path;
  segment.was_found = true;
  segment.bytes = fs::file_size(path);
  const FramesRead read = Load(&segment);
  for (const ReadBatch& batch : read.batches) {
    segment.rows += batch.rows.size();
    segment.oldest_s = std::min(segment.oldest_s, batch.received_s);
  }
  segment.path = directory_ + "/" + fs::path(path).filename().string();
  if (path != segment.path) fs::rename(path, segment.path);
  return segment;
}

// Of directories that nobody else uses.
void Spool::TakeFiles(const std::vector<std::string>& paths, uint64_t* most_bytes, std::vector<Segment>* taken) {
  for (const std::string& path : paths) {
    if (*most_bytes == 0) return;
    Segment segment;
    try {
      segment = Find(path);
    } catch (const std::runtime_error& error) {
      NoteAside(path, error.what());
      continue;
    }
    aside_.erase(path);
    bytes_ += segment.bytes;
    *most_bytes -= std::min(*most_bytes, segment.bytes);
    if (segment.rows != 0) {
      taken->push_back(std::move(segment));
    } else {
      Remove(segment);
    }
  }
}

void Spool::TakeFrom(const std::string& other, uint64_t* most_bytes, std::vector<Segment>* taken) {
  if (!fs::is_directory(other) || fs::equivalent(other, directory_)) return;
  const std::vector<std::string> files = FilesIn(other, kEnding);
  if (files.empty()) return;
  const DirectoryLock lock(other);
  if (!lock.held()) return;
  const size_t before = taken->size();
  TakeFiles(files, most_bytes, taken);
  SyncDirectory(directory_);
  const size_t segments = taken->size() - before;
  metrics_->Add(Counter::kSegmentsTakenOver, segments);
  if (segments == 0) return;
  LogInfo("spool", "takes over what a collector left that is gone",
          {{"directory", other}, {"segments", std::to_string(segments)}});
}

void Spool::TakeOver(uint64_t most_bytes, std::vector<Segment>* taken) {
  try {
    TakeFiles(AsideHere(), &most_bytes, taken);
    for (const auto& entry : fs::directory_iterator(root_)) {
      const std::string other = entry.path().string();
      try {
        TakeFrom(other, &most_bytes, taken);
        aside_.erase(other);
      } catch (const std::runtime_error& error) {
        NoteAside(other, error.what());
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw StoreError("the spool '" + root_ + "' cannot be searched: " + error.what());
  }
  metrics_->Set(Gauge::kSpoolAside, static_cast<int64_t>(aside_.size()));
}

void Spool::OpenSegment() {
  mark_ = NewMark();
  open_ = Segment();
  open_.path = directory_ + "/" + NameOf(next_name_, mark_);
  fd_ = ::open(open_.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0) Fail("create", open_.path);
  ++next_name_;
  try {
    SyncDirectory(directory_);
  } catch (const SpoolError&) {
    // Its name may not outlive a power cut, and so may nothing that is written into it.
    close(fd_);
    fd_ = -1;
    throw;
  }
}

void Spool::Append(const std::vector<SpooledBatch>& batches) {
  if (fd_ < 0 && open_.rows != 0) throw StoreError("the spool waits for a damaged segment to be closed");
  if (fd_ < 0) OpenSegment();
  size_t size = 0;
  for (const SpooledBatch& batch : batches) size += FrameBytes(batch);
  std::string bytes;
  bytes.reserve(size);
  size_t rows = 0;
  uint32_t number = open_.batches;
  for (const SpooledBatch& batch : batches) {
    AppendFrame(mark_, number++, batch, &bytes);
    rows += batch.rows();
  }
  if (bytes_ + bytes.size() > max_bytes_) throw StoreError("the spool is full: the engine takes nothing");
  if (!WriteAll(fd_, bytes) || fdatasync(fd_) != 0) {
    const int error = errno;
    // Should it stay there, then a batch that was refused is counted all the same, and once when it comes again.
    if (!CutBack()) {
      close(fd_);
      fd_ = -1;
    }
    errno = error;
    Fail("write", open_.path);
  }
  open_.bytes += bytes.size();
  open_.rows += rows;
  open_.batches = number;
  for (const SpooledBatch& batch : batches) open_.oldest_s = std::min(open_.oldest_s, batch.received_s);
  bytes_ += bytes.size();
}

bool Spool::CutBack() { return ftruncate(fd_, static_cast<off_t>(open_.bytes)) == 0 && lseek(fd_, 0, SEEK_END) >= 0; }

Segment Spool::Close() {
  if (fd_ >= 0) {
    // Without its end it is only not known how much a damaged one has lost.
    const std::string end = EndFrame(mark_, open_.batches);
    if (WriteAll(fd_, end)) {
      open_.bytes += end.size();
      bytes_ += end.size();
    } else if (!CutBack()) {
      LogWarning("spool", "a segment could not be ended", {{"file", open_.path}});
    }
    close(fd_);
  }
  fd_ = -1;
  Segment closed;
  std::swap(closed, open_);
  return closed;
}

FramesRead Spool::Load(Segment* segment) {
  const std::string mark = MarkOf(segment->path);
  if (const int version = VersionOf(mark); version > kSchemaVersion) {
    throw SpoolError("its rows are of version " + std::to_string(version) + ", and this collector knows those up to " +
                     std::to_string(kSchemaVersion));
  }
  FramesRead read = ReadFrames(ReadAll(segment->path), mark);
  const bool was_damaged = segment->IsDamaged();
  segment->batches = std::max(segment->batches, read.written);
  const uint64_t missing = segment->bytes - std::min<uint64_t>(segment->bytes, read.file->size());
  Count(metrics_, Counter::kSpoolDamagedBytes, read.damaged_bytes + missing, &segment->damaged_bytes);
  Count(metrics_, Counter::kSpoolUnfinishedBytes, read.unfinished_bytes, &segment->unfinished_bytes);
  Count(metrics_, Counter::kSpoolLostBatches, segment->batches - read.batches.size(), &segment->lost_batches);
  if (segment->IsDamaged() && !was_damaged) {
    LogError("spool_damaged", "what was acknowledged is damaged on disk; what is whole is used, and the file kept",
             {{"file", fs::path(segment->path).filename().string() + kDamagedEnding},
              {"bytes", std::to_string(segment->damaged_bytes)},
              {"lost_batches", std::to_string(segment->lost_batches)},
              {"whole_batches", std::to_string(read.batches.size())}});
  }
  return read;
}

void Spool::Remove(const Segment& segment) {
  // One that comes back after a power cut is only sent again.
  std::error_code ignored;
  if (segment.IsDamaged() && DamagedKept(directory_) < kMostDamagedKept) {
    fs::rename(segment.path, segment.path + kDamagedEnding, ignored);
  } else {
    fs::remove(segment.path, ignored);
  }
  bytes_ -= std::min<uint64_t>(bytes_, segment.bytes);
}

}  // namespace whydrop::collector::clickhouse
