#include "platform/file.h"

#include <windows.h>

#include <algorithm>
#include <cwchar>
#include <utility>

#include "platform/first_names.h"
#include "platform/process.h"
#include "platform/windows/error_status.h"
#include "platform/windows/file_access.h"
#include "platform/windows/handle.h"
#include "platform/windows/wide_path.h"

namespace whydrop::platform {
namespace {

// Whoever else has the file open (a virus scanner, an indexer, the whydrop command) may go on, and so may we.
constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

// Far beyond any file's end: locks of Windows forbid reading and writing what they cover.
constexpr uint64_t kLockOffset = uint64_t{1} << 62;

constexpr int64_t kUnixEpochInFileTimeMs = 11644473600000;

// What has one of these is no regular file.
constexpr DWORD kNoFile = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;

HANDLE System(intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

OVERLAPPED At(uint64_t offset) {
  OVERLAPPED at = {};
  at.Offset = static_cast<DWORD>(offset);
  at.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return at;
}

// Runs `attempt` again for a moment while it fails with what passes by itself: a scanner that opened the file without
// sharing it, a deletion that waits for a last handle, a lock whose dead owner is still being cleared away. Returns 0
// or the last error.
template <typename Attempt>
DWORD Persist(DWORD passing, DWORD passing_too, const Attempt& attempt) {
  constexpr int kAttempts = 6;
  constexpr DWORD kPauseMs = 10;
  DWORD error = 0;
  for (int i = 0; i < kAttempts; ++i) {
    if (i != 0) Sleep(kPauseMs);
    error = attempt() ? 0 : GetLastError();
    if (error != passing && error != passing_too) break;
  }
  return error;
}

template <typename Attempt>
Status PersistWithFile(const Attempt& attempt) {
  const DWORD error = Persist(ERROR_SHARING_VIOLATION, ERROR_ACCESS_DENIED, attempt);
  return error == 0 ? OkStatus() : StatusFromWindows(error);
}

Status CheckDirectory(const std::wstring& path) {
  const Handle directory(CreateFileW(path.c_str(), FILE_READ_ATTRIBUTES | READ_CONTROL, kShareAll, nullptr,
                                     OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
                                     nullptr));
  if (!directory) return StatusFromWindows(GetLastError());
  BY_HANDLE_FILE_INFORMATION info = {};
  if (!GetFileInformationByHandle(directory.get(), &info)) return StatusFromWindows(GetLastError());
  constexpr DWORD kKinds = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  if ((info.dwFileAttributes & kKinds) != FILE_ATTRIBUTE_DIRECTORY) return {StatusKind::kInvalid, 0};
  bool others_may_write = false;
  const Status owner = CheckOwner(directory.get(), &others_may_write);
  return owner.ok() && others_may_write ? Status{StatusKind::kInvalid, 0} : owner;
}

// Where the first directory below the volume starts in a path with the prefix \\?\: behind "C:\" or
// "UNC\server\share\".
size_t BehindVolume(const std::wstring& path) {
  constexpr size_t kPrefix = 4;
  const int separators = path.compare(kPrefix, 4, L"UNC\\") == 0 ? 3 : 1;
  size_t at = kPrefix;
  for (int i = 0; i < separators; ++i) {
    at = path.find(L'\\', at);
    if (at == std::wstring::npos) return path.size();
    ++at;
  }
  return at;
}

FileFacts FactsFrom(DWORD size_high, DWORD size_low, const FILETIME& written) {
  FileFacts facts;
  facts.size_bytes = static_cast<uint64_t>(size_high) << 32 | size_low;
  const uint64_t ticks = static_cast<uint64_t>(written.dwHighDateTime) << 32 | written.dwLowDateTime;
  facts.modified_unix_ms = static_cast<int64_t>(ticks / 10000) - kUnixEpochInFileTimeMs;
  return facts;
}

bool Exists(const std::wstring& path) { return GetFileAttributesW(path.c_str()) != INVALID_FILE_ATTRIBUTES; }

// The name goes at once, though somebody (we, a scanner) still has the file open; before Windows 10 1709 only after
// the last handle.
bool DeleteNow(const std::wstring& path) {
  struct {
    DWORD flags;
  } disposition = {0x1 /* delete */ | 0x2 /* POSIX semantics */ | 0x10 /* read-only too */};
  constexpr auto kDispositionEx = static_cast<FILE_INFO_BY_HANDLE_CLASS>(21);  // not in older headers
  const Handle file(
      CreateFileW(path.c_str(), DELETE, kShareAll, nullptr, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  if (file && SetFileInformationByHandle(file.get(), kDispositionEx, &disposition, sizeof(disposition))) return true;
  return DeleteFileW(path.c_str()) != 0;
}

Status Move(const std::string& from, const std::string& to, DWORD flags) {
  std::wstring wide_from;
  std::wstring wide_to;
  Status status = WidePath(from, &wide_from);
  if (status.ok()) status = WidePath(to, &wide_to);
  if (!status.ok()) return status;
  return PersistWithFile(
      [&] { return MoveFileExW(wide_from.c_str(), wide_to.c_str(), flags | MOVEFILE_WRITE_THROUGH) != 0; });
}

// %LOCALAPPDATA%. Without a drive or server in front it would be somewhere else each time.
bool LocalAppDataOfEnvironment(std::wstring* out) {
  wchar_t path[MAX_PATH] = {};
  const DWORD size = GetEnvironmentVariableW(L"LOCALAPPDATA", path, MAX_PATH);
  if (size < 3 || size >= MAX_PATH) return false;
  out->assign(path, size);
  return path[1] == L':' || (path[0] == L'\\' && path[1] == L'\\');
}

// The folder of local application data, by functions in libraries that not every program has.
bool LocalAppData(std::wstring* out) {
  // They would bring user32 into a program without windows, and Windows would then no longer tell its console handlers,
  // also the game's own, of a log-off or shutdown.
  if (GetModuleHandleW(L"user32.dll") == nullptr) return LocalAppDataOfEnvironment(out);
  static constexpr GUID kLocalAppData = {0xF1B32785, 0x6FBA, 0x4FCF, {0x9D, 0x55, 0x7B, 0x8E, 0x7F, 0x15, 0x70, 0x91}};
  static const char* const kShell[] = {"shell32.dll"};
  static const char* const kOle[] = {"ole32.dll"};
  using GetFolder = HRESULT(WINAPI*)(const GUID&, DWORD, HANDLE, wchar_t**);
  using FreeMemory = void(WINAPI*)(void*);
  const auto get_folder = reinterpret_cast<GetFolder>(FindSymbol(LoadLibraryByName(kShell, 1), "SHGetKnownFolderPath"));
  const auto free_memory = reinterpret_cast<FreeMemory>(FindSymbol(LoadLibraryByName(kOle, 1), "CoTaskMemFree"));
  if (get_folder == nullptr || free_memory == nullptr) return false;
  wchar_t* path = nullptr;
  const bool found = get_folder(kLocalAppData, 0, nullptr, &path) == S_OK;
  if (found) *out = path;
  free_memory(path);
  return found;
}

}  // namespace

Status File::OpenExisting(const std::string& path, Mode mode, File* out) {
  std::wstring wide;
  const Status status = WidePath(path, &wide);
  if (!status.ok()) return status;
  const DWORD access = GENERIC_READ | (mode == Mode::kRead ? 0 : GENERIC_WRITE);
  Handle file;
  // A directory is refused with ERROR_ACCESS_DENIED unless it is opened as one.
  const Status opened = PersistWithFile([&] {
    file = Handle(CreateFileW(wide.c_str(), access, kShareAll, nullptr, OPEN_EXISTING,
                              FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS, nullptr));
    return static_cast<bool>(file);
  });
  if (!opened.ok()) return opened;
  BY_HANDLE_FILE_INFORMATION info = {};
  if (GetFileType(file.get()) != FILE_TYPE_DISK) return {StatusKind::kInvalid, 0};
  if (!GetFileInformationByHandle(file.get(), &info)) return StatusFromWindows(GetLastError());
  if (info.nNumberOfLinks == 0) return StatusFromWindows(ERROR_FILE_NOT_FOUND);  // removed since it was opened
  if ((info.dwFileAttributes & kNoFile) != 0 || info.nNumberOfLinks != 1) return {StatusKind::kInvalid, 0};
  const Status owner = CheckOwner(file.get(), nullptr);
  if (!owner.ok()) return owner;
  File opened_file;
  opened_file.handle_ = reinterpret_cast<intptr_t>(file.Release());
  *out = std::move(opened_file);
  return OkStatus();
}

Status File::CreateNew(const std::string& path, File* out) {
  std::wstring wide;
  const Status status = WidePath(path, &wide);
  if (!status.ok()) return status;
  Handle file(CreateFileW(wide.c_str(), GENERIC_READ | GENERIC_WRITE, kShareAll, nullptr, CREATE_NEW,
                          FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file) return StatusFromWindows(GetLastError());
  File created;
  created.handle_ = reinterpret_cast<intptr_t>(file.Release());
  *out = std::move(created);
  return OkStatus();
}

Status File::Facts(FileFacts* out) const {
  BY_HANDLE_FILE_INFORMATION info = {};
  if (!GetFileInformationByHandle(System(handle_), &info)) return StatusFromWindows(GetLastError());
  *out = FactsFrom(info.nFileSizeHigh, info.nFileSizeLow, info.ftLastWriteTime);
  return OkStatus();
}

Status File::ReadAt(uint64_t offset, void* data, size_t size, size_t* read) const {
  *read = 0;
  while (*read < size) {
    OVERLAPPED at = At(offset + *read);
    const auto wanted = static_cast<DWORD>(std::min<size_t>(size - *read, 1u << 30));
    DWORD count = 0;
    if (!ReadFile(System(handle_), static_cast<uint8_t*>(data) + *read, wanted, &count, &at)) {
      const DWORD error = GetLastError();
      return error == ERROR_HANDLE_EOF ? OkStatus() : StatusFromWindows(error);
    }
    if (count == 0) break;
    *read += count;
  }
  return OkStatus();
}

Status File::WriteAt(uint64_t offset, const void* data, size_t size) const {
  const auto* bytes = static_cast<const uint8_t*>(data);
  while (size > 0) {
    OVERLAPPED at = At(offset);
    DWORD count = 0;
    if (!WriteFile(System(handle_), bytes, static_cast<DWORD>(std::min<size_t>(size, 1u << 30)), &count, &at)) {
      return StatusFromWindows(GetLastError());
    }
    bytes += count;
    offset += count;
    size -= count;
  }
  return OkStatus();
}

Status File::Sync() const { return FlushFileBuffers(System(handle_)) ? OkStatus() : StatusFromWindows(GetLastError()); }

Status File::TryLock() {
  const DWORD error = Persist(ERROR_LOCK_VIOLATION, ERROR_IO_PENDING, [&] {
    OVERLAPPED at = At(kLockOffset);
    return LockFileEx(System(handle_), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at) != 0;
  });
  return error == 0 ? OkStatus() : StatusFromWindows(error);
}

void File::Close() {
  if (handle_ == kNone) return;
  Handle::CloseOwned(System(handle_));
  handle_ = kNone;
}

Status DefaultStateDirectory(std::string* out) {
  std::wstring wide;
  std::string path;
  if (!LocalAppData(&wide) || !ToUtf8(wide.data(), wide.size(), &path)) return {StatusKind::kNotFound, 0};
  *out = path + "\\whydrop";
  return OkStatus();
}

Status EnsureDirectory(const std::string& path) {
  std::wstring wide;
  const Status status = WidePath(path, &wide);
  if (!status.ok()) return status;
  const size_t start = BehindVolume(wide);
  while (wide.size() > start && wide.back() == L'\\') wide.pop_back();
  // At every launch but the first it is there.
  const Status found = CheckDirectory(wide);
  if (found.kind != StatusKind::kNotFound) return found;
  PrivateAccess access;
  for (size_t end = start; end < wide.size(); ++end) {
    end = std::min(wide.find(L'\\', end), wide.size());
    const std::wstring part = wide.substr(0, end);
    if (CreateDirectoryW(part.c_str(), access.attributes())) continue;
    const DWORD error = GetLastError();
    // A parent that exists is used as it is, whatever the system says of making it.
    if (!Exists(part)) return StatusFromWindows(error);
  }
  return CheckDirectory(wide);
}

Status ListDirectory(const std::string& path, size_t limit, std::vector<std::string>* names) {
  names->clear();
  std::wstring wide;
  const Status status = WidePath(path, &wide);
  if (!status.ok()) return status;
  if (wide.back() != L'\\') wide += L'\\';
  wide += L'*';
  WIN32_FIND_DATAW entry = {};
  HANDLE search = FindFirstFileExW(wide.c_str(), FindExInfoBasic, &entry, FindExSearchNameMatch, nullptr,
                                   FIND_FIRST_EX_LARGE_FETCH);
  if (search == INVALID_HANDLE_VALUE) return StatusFromWindows(GetLastError());
  FirstNames first(limit);
  std::string name;
  do {
    const bool regular = (entry.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) == 0;
    // A name that is no UTF-16 is none of ours.
    if (regular && ToUtf8(entry.cFileName, wcslen(entry.cFileName), &name)) first.Add(name);
  } while (FindNextFileW(search, &entry));
  const DWORD error = GetLastError();
  FindClose(search);
  if (error != ERROR_NO_MORE_FILES) return StatusFromWindows(error);
  *names = first.Take();
  return OkStatus();
}

Status LookAt(const std::string& path, FileFacts* out) {
  std::wstring wide;
  const Status status = WidePath(path, &wide);
  if (!status.ok()) return status;
  WIN32_FILE_ATTRIBUTE_DATA info = {};
  if (!GetFileAttributesExW(wide.c_str(), GetFileExInfoStandard, &info)) return StatusFromWindows(GetLastError());
  if ((info.dwFileAttributes & kNoFile) != 0) return {StatusKind::kInvalid, 0};
  *out = FactsFrom(info.nFileSizeHigh, info.nFileSizeLow, info.ftLastWriteTime);
  return OkStatus();
}

Status RemoveFile(const std::string& path) {
  std::wstring wide;
  Status status = WidePath(path, &wide);
  if (status.ok()) status = PersistWithFile([&] { return DeleteNow(wide); });
  return status.kind == StatusKind::kNotFound ? OkStatus() : status;
}

Status RenameReplacing(const std::string& from, const std::string& to) {
  return Move(from, to, MOVEFILE_REPLACE_EXISTING);
}

Status RenameIfAbsent(const std::string& from, const std::string& to) { return Move(from, to, 0); }

// NTFS writes the changes of its directories in their order, and a rename of ours waits until it is on the disk.
Status SyncDirectory(const std::string& path) {
  std::wstring wide;
  const Status status = WidePath(path, &wide);
  if (!status.ok()) return status;
  return Exists(wide) ? OkStatus() : StatusFromWindows(GetLastError());
}

bool OpeningUnlocks(const std::string&) { return false; }

}  // namespace whydrop::platform
