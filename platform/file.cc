// What is the same on every system: durable writes and reading whole files, by the calls that each system has.
#include "platform/file.h"

#include <atomic>
#include <utility>

#include "platform/identity.h"

namespace whydrop::platform {
namespace {

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A name that no other thread, process or earlier run of the same pid uses: CreateNew refuses one that is taken.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint32_t> counter{0};
  return path + "." + std::to_string(RawPid()) + "-" + std::to_string(counter.fetch_add(1)) + ".tmp";
}

Status WriteTemporary(const std::string& path, const void* data, size_t size, std::string* temporary) {
  File file;
  Status status;
  do {
    *temporary = TemporaryName(path);
    status = File::CreateNew(*temporary, &file);
  } while (status.kind == StatusKind::kExists);
  if (!status.ok()) return status;
  status = file.WriteAt(0, data, size);
  if (status.ok()) status = file.Sync();
  file.Close();
  if (!status.ok()) (void)RemoveFile(*temporary);  // what stays is cleaned up by the next harvest
  return status;
}

}  // namespace

File::~File() { Close(); }

File::File(File&& other) noexcept : handle_(other.handle_), named_(other.named_) { other.handle_ = kNone; }

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    Close();
    handle_ = other.handle_;
    named_ = other.named_;
    other.handle_ = kNone;
  }
  return *this;
}

Status WriteDurably(const std::string& path, const void* data, size_t size) {
  std::string temporary;
  Status status = WriteTemporary(path, data, size, &temporary);
  if (!status.ok()) return status;
  status = RenameReplacing(temporary, path);
  if (!status.ok()) {
    (void)RemoveFile(temporary);
    return status;
  }
  return SyncDirectory(Parent(path));
}

Status WriteDurablyIfAbsent(const std::string& path, const void* data, size_t size, bool* existed) {
  *existed = false;
  std::string temporary;
  Status status = WriteTemporary(path, data, size, &temporary);
  if (!status.ok()) return status;
  status = RenameIfAbsent(temporary, path);
  if (!status.ok()) (void)RemoveFile(temporary);
  if (status.kind == StatusKind::kExists) *existed = true;
  if (!status.ok() && !*existed) return status;
  // Also for a file that was there: its writer may have died between its rename and its sync.
  return SyncDirectory(Parent(path));
}

Status ReadWhole(const std::string& path, size_t limit, std::string* out) {
  File file;
  Status status = File::OpenExisting(path, File::Mode::kRead, &file);
  if (!status.ok()) return status;
  FileFacts facts;
  status = file.Facts(&facts);
  if (!status.ok()) return status;
  if (facts.size_bytes > limit) return {StatusKind::kCorrupt, 0};
  std::string text(static_cast<size_t>(facts.size_bytes), '\0');
  size_t read = 0;
  status = file.ReadAt(0, text.data(), text.size(), &read);
  if (!status.ok()) return status;
  text.resize(read);
  *out = std::move(text);
  return OkStatus();
}

}  // namespace whydrop::platform
