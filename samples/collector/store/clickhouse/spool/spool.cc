#include "samples/collector/store/clickhouse/spool/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/crc32c.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"

namespace whydrop::collector::clickhouse {
namespace {

namespace fs = std::filesystem;
constexpr const char* kEnding = ".rows";
constexpr const char* kLockName = "lock";
constexpr size_t kFrameHeadBytes = 8;  // length and CRC

[[noreturn]] void Fail(const std::string& what, const std::string& path) {
  throw StoreError("the spool cannot " + what + " '" + path + "': " + std::strerror(errno));
}

uint32_t Checksum(const std::string& bytes) { return Crc32c(0, bytes.data(), bytes.size()); }

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
  std::string bytes;
  std::vector<char> piece(size_t{1} << 16);
  ssize_t count = 0;
  while ((count = read(fd, piece.data(), piece.size())) > 0 || (count < 0 && errno == EINTR)) {
    if (count > 0) bytes.append(piece.data(), static_cast<size_t>(count));
  }
  const int error = errno;
  close(fd);
  errno = error;
  if (count < 0) Fail("read", path);
  return bytes;
}

// -1 if somebody else holds it.
int TryLock(const std::string& directory) {
  const std::string path = directory + "/" + kLockName;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) Fail("open", path);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  return -1;
}

std::string Frame(const SpooledBatch& batch) {
  RowWriter body;
  body.U64(static_cast<uint64_t>(batch.received_s)).U32(batch.rows.size());
  for (const SpooledRow& row : batch.rows) body.U8(static_cast<uint8_t>(row.table)).U64(row.key_hash).Text(row.bytes);
  const std::string bytes = body.Take();
  return RowWriter().U32(bytes.size()).U32(Checksum(bytes)).Take() + bytes;
}

SpooledBatch ReadFrame(const std::string& bytes) {
  RowReader reader(bytes);
  SpooledBatch batch;
  batch.received_s = static_cast<int64_t>(reader.U64());
  for (uint32_t left = reader.U32(); left > 0; --left) {
    SpooledRow row;
    row.table = static_cast<Table>(reader.U8());
    row.key_hash = reader.U64();
    row.bytes = reader.Text();
    batch.rows.push_back(std::move(row));
  }
  return batch;
}

// Two collectors may have given the same name; what was acknowledged under it must not replace the other's.
std::string FreePath(const std::string& directory, const fs::path& name) {
  std::string path = directory + "/" + name.string();
  for (int number = 1; fs::exists(path); ++number)
    path = directory + "/" + name.stem().string() + "-" + std::to_string(number) + kEnding;
  return path;
}

std::vector<std::string> SegmentsIn(const std::string& directory) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == kEnding) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

Spool::Spool(const std::string& directory, uint64_t max_bytes, std::vector<Segment>* found) : max_bytes_(max_bytes) {
  try {
    fs::create_directories(directory);
    LockDirectory(directory);
    TakeOver(directory);
    for (const std::string& path : SegmentsIn(directory_)) {
      Segment segment{path, fs::file_size(path), 0, 0};
      for (const SpooledBatch& batch : Load(segment)) {
        segment.rows += batch.rows.size();
        segment.received_s = std::max(segment.received_s, batch.received_s);
      }
      bytes_ += segment.bytes;
      // Names sort by age, also after a clock that was set back: none is given twice.
      next_name_ = std::max<uint64_t>(next_name_, std::strtoull(fs::path(path).stem().c_str(), nullptr, 10) + 1);
      if (segment.rows != 0) {
        found->push_back(segment);
      } else {
        Remove(segment);
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw StoreError("the spool '" + directory + "' cannot be used: " + error.what());
  }
  next_name_ = std::max(next_name_, static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                                              std::chrono::system_clock::now().time_since_epoch())
                                                              .count()));
}

Spool::~Spool() {
  if (fd_ >= 0) close(fd_);
  if (lock_fd_ >= 0) close(lock_fd_);
}

void Spool::LockDirectory(const std::string& parent) {
  for (int number = 0; lock_fd_ < 0; ++number) {
    directory_ = parent + "/" + std::to_string(number);
    fs::create_directories(directory_);
    lock_fd_ = TryLock(directory_);
  }
  SyncDirectory(parent);
}

void Spool::TakeOver(const std::string& parent) {
  for (const auto& entry : fs::directory_iterator(parent)) {
    const std::string other = entry.path().string();
    if (!entry.is_directory() || fs::equivalent(other, directory_)) continue;
    const int lock = TryLock(other);
    if (lock < 0) continue;
    for (const std::string& path : SegmentsIn(other)) fs::rename(path, FreePath(directory_, fs::path(path).filename()));
    SyncDirectory(directory_);
    close(lock);
  }
}

void Spool::OpenSegment() {
  open_ = Segment();
  open_.path = directory_ + "/" + std::to_string(next_name_) + kEnding;
  fd_ = ::open(open_.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0) Fail("create", open_.path);
  ++next_name_;
  SyncDirectory(directory_);
}

void Spool::Append(const std::vector<SpooledBatch>& batches) {
  std::string bytes;
  size_t rows = 0;
  for (const SpooledBatch& batch : batches) {
    bytes += Frame(batch);
    rows += batch.rows.size();
  }
  if (bytes_ + bytes.size() > max_bytes_) throw StoreError("the spool is full: the engine takes nothing");
  if (fd_ < 0 && open_.rows != 0) throw StoreError("the spool waits for a damaged segment to be closed");
  if (fd_ < 0) OpenSegment();
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = write(fd_, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<size_t>(count);
  }
  if (written < bytes.size() || fdatasync(fd_) != 0) {
    const int error = errno;
    // Should it stay there, then a batch that was refused is counted all the same, and once when it comes again.
    if (ftruncate(fd_, static_cast<off_t>(open_.bytes)) != 0 || lseek(fd_, 0, SEEK_END) < 0) {
      close(fd_);
      fd_ = -1;
    }
    errno = error;
    Fail("write", open_.path);
  }
  open_.bytes += bytes.size();
  open_.rows += rows;
  for (const SpooledBatch& batch : batches) open_.received_s = std::max(open_.received_s, batch.received_s);
  bytes_ += bytes.size();
}

Segment Spool::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  Segment closed;
  std::swap(closed, open_);
  return closed;
}

std::vector<SpooledBatch> Spool::Load(const Segment& segment) {
  const std::string bytes = ReadAll(segment.path);
  std::vector<SpooledBatch> batches;
  size_t at = 0;
  while (bytes.size() - at >= kFrameHeadBytes) {
    RowReader head(std::string_view(bytes).substr(at, kFrameHeadBytes));
    const uint32_t length = head.U32();
    const uint32_t checksum = head.U32();
    if (length > bytes.size() - at - kFrameHeadBytes) break;
    const std::string frame = bytes.substr(at + kFrameHeadBytes, length);
    if (Checksum(frame) != checksum) break;
    batches.push_back(ReadFrame(frame));
    at += kFrameHeadBytes + length;
  }
  return batches;
}

void Spool::Remove(const Segment& segment) {
  // One that comes back after a power cut is only sent again.
  std::error_code ignored;
  fs::remove(segment.path, ignored);
  bytes_ -= std::min<uint64_t>(bytes_, segment.bytes);
}

}  // namespace whydrop::collector::clickhouse
