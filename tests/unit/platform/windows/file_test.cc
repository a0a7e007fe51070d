// What only Windows has: access lists, device names, shared opening, the folder of local application data.
#include "platform/file.h"

#include <aclapi.h>
#include <doctest/doctest.h>
#include <windows.h>

#include "platform/process.h"
#include "platform/windows/file_access.h"
#include "platform/windows/handle.h"
#include "platform/windows/wide_path.h"
#include "support/child.h"
#include "support/test_directory.h"

using namespace whydrop;            // NOLINT
using namespace whydrop::platform;  // NOLINT

namespace {

std::wstring Wide(const std::string& path) {
  std::wstring wide;
  REQUIRE(WidePath(path, &wide).ok());
  return wide;
}

}  // namespace

TEST_CASE("a state directory that others may write to is refused") {
  const TestDirectory directory;
  const std::string path = directory.File("x/y/z/");
  REQUIRE(EnsureDirectory(path).ok());
  const std::wstring wide = Wide(directory.File("x/y/z"));
  {
    const Handle opened(
        CreateFileW(wide.c_str(), READ_CONTROL, 7, nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr));
    REQUIRE(opened);
    bool others_may_write = true;
    CHECK(CheckOwner(opened.get(), &others_may_write).ok());
    CHECK_FALSE(others_may_write);
  }
  // Everybody may do everything.
  SECURITY_DESCRIPTOR open_to_all = {};
  REQUIRE(InitializeSecurityDescriptor(&open_to_all, SECURITY_DESCRIPTOR_REVISION));
  REQUIRE(SetSecurityDescriptorDacl(&open_to_all, TRUE, nullptr, FALSE));
  REQUIRE(SetFileSecurityW(wide.c_str(), DACL_SECURITY_INFORMATION, &open_to_all));
  CHECK(EnsureDirectory(path).kind == StatusKind::kInvalid);
}

TEST_CASE("paths get the prefix that lifts limits; devices and text that is no UTF-8 are refused") {
  CHECK(Wide("C:/a/./b/../c") == L"\\\\?\\C:\\a\\c");
  CHECK(Wide("//server/share/a") == L"\\\\?\\UNC\\server\\share\\a");
  CHECK(Wide("\\\\?\\C:\\a/b") == L"\\\\?\\C:\\a\\b");
  CHECK(Wide("relative").substr(0, 4) == L"\\\\?\\");
  std::wstring ignored;
  for (const std::string& bad : {std::string(), std::string("C:/\xff"), std::string("C:/a\0b", 6), std::string("nul"),
                                 std::string("C:/dir/con"), std::string("\\\\.\\pipe\\x")}) {
    CAPTURE(bad);
    CHECK(WidePath(bad, &ignored).kind == StatusKind::kInvalid);
  }
}

TEST_CASE("a hard link is not opened as a file") {
  const TestDirectory directory;
  REQUIRE(WriteDurably(directory.File("a"), "x", 1).ok());
  REQUIRE(CreateHardLinkW(Wide(directory.File("second")).c_str(), Wide(directory.File("a")).c_str(), nullptr));
  File file;
  CHECK(File::OpenExisting(directory.File("a"), File::Mode::kRead, &file).kind == StatusKind::kInvalid);
}

TEST_CASE("a file that somebody holds without sharing is waited for shortly, then the error is told") {
  const TestDirectory directory;
  REQUIRE(WriteDurably(directory.File("a"), "x", 1).ok());
  File file;
  {
    const Handle scanner(
        CreateFileW(Wide(directory.File("a")).c_str(), GENERIC_READ, 0, nullptr, OPEN_EXISTING, 0, nullptr));
    REQUIRE(scanner);
    CHECK(File::OpenExisting(directory.File("a"), File::Mode::kRead, &file).native == ERROR_SHARING_VIOLATION);
    CHECK_FALSE(RemoveFile(directory.File("a")).ok());
  }
  CHECK(File::OpenExisting(directory.File("a"), File::Mode::kRead, &file).ok());
}

TEST_CASE("a lock belongs to its handle: a second opening in the same process finds it and does not release it") {
  const TestDirectory directory;
  File first;
  REQUIRE(File::CreateNew(directory.File("a"), &first).ok());
  REQUIRE(first.TryLock().ok());
  for (int i = 0; i < 2; ++i) {
    File second;
    REQUIRE(File::OpenExisting(directory.File("a"), File::Mode::kReadWrite, &second).ok());
    CHECK(second.TryLock().kind == StatusKind::kBusy);
  }
  CHECK_FALSE(OpeningUnlocks(directory.File("a")));
  CHECK(first.WriteAt(0, "x", 1).ok());
}

// Windows tells the console handlers of a program of a log-off and a shutdown only as long as it has no user32.
CHILD_ROLE(asks_for_the_state_directory) {
  const auto has_desktop = [] { return GetModuleHandleW(L"user32.dll") != nullptr; };
  if (has_desktop()) return 90;
  const auto said = [](const wchar_t* local) {
    SetEnvironmentVariableW(L"LOCALAPPDATA", local);
    std::string path;
    return DefaultStateDirectory(&path).ok() ? path : "";
  };
  if (said(L"D:\\Użytkownik\\Local") != "D:\\Użytkownik\\Local\\whydrop") return 91;
  if (said(L"\\\\server\\home") != "\\\\server\\home\\whydrop") return 92;
  if (!said(nullptr).empty() || !said(L"").empty() || !said(L"Local").empty()) return 93;
  if (has_desktop()) return 94;
  LoadLibraryW(L"user32.dll");
  return said(nullptr).empty() ? 95 : 0;
}

TEST_CASE("a program without windows keeps what tells it of the session's end when it asks for its state directory") {
  CHECK(Child::InRole("asks_for_the_state_directory", {}).Wait() == 0);
}

TEST_CASE("the state directory is in the folder of local application data, also when the profile has other letters") {
  REQUIRE((LoadLibraryW(L"user32.dll") != nullptr));  // as every game with a window has it
  std::string path;
  REQUIRE(DefaultStateDirectory(&path).ok());
  CHECK(path.find("\\AppData\\Local\\whydrop") != std::string::npos);

  const wchar_t* const kFolders = L"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders";
  wchar_t before[MAX_PATH] = {};
  DWORD size = sizeof(before);
  REQUIRE(RegGetValueW(HKEY_CURRENT_USER, kFolders, L"Local AppData",
                       RRF_RT_REG_EXPAND_SZ | RRF_RT_REG_SZ | RRF_NOEXPAND, nullptr, before, &size) == ERROR_SUCCESS);
  const TestDirectory profile;
  const std::wstring folder = profile.Path("Zażółć 玩家").wstring();
  REQUIRE(CreateDirectoryW(folder.c_str(), nullptr));
  const auto set = [&](const wchar_t* text, size_t length) {
    return RegSetKeyValueW(HKEY_CURRENT_USER, kFolders, L"Local AppData", REG_EXPAND_SZ, text,
                           static_cast<DWORD>((length + 1) * sizeof(wchar_t)));
  };
  REQUIRE(set(folder.c_str(), folder.size()) == ERROR_SUCCESS);
  const Status found = DefaultStateDirectory(&path);
  REQUIRE(set(before, wcslen(before)) == ERROR_SUCCESS);
  REQUIRE(found.ok());
  CHECK(path.find("Zażółć 玩家\\whydrop") != std::string::npos);
  CHECK(EnsureDirectory(path + "/game").ok());
  CHECK(profile.Has("Zażółć 玩家/whydrop/game"));
}

TEST_CASE("a game that closes a handle of ours, which it takes for its own, closes nothing") {
  const TestDirectory directory;
  const std::wstring wide = Wide(directory.File("ours"));
  File file;
  REQUIRE(File::CreateNew(directory.File("ours"), &file).ok());
  CHECK_FALSE(CloseHandle(reinterpret_cast<HANDLE>(file.handle())));
  CHECK(file.WriteAt(0, "x", 1).ok());
  file.Close();
  CHECK(directory.Read("ours") == "x");
  const Handle alone(CreateFileW(wide.c_str(), GENERIC_READ, 0, nullptr, OPEN_EXISTING, 0, nullptr));
  CHECK(alone);  // nobody holds it any more

  Handle event(CreateEventW(nullptr, FALSE, FALSE, nullptr));
  const HANDLE number = event.get();
  CHECK_FALSE(CloseHandle(number));
  CHECK(SetEvent(number));
  event = Handle();
  CHECK_FALSE(SetEvent(number));
}
