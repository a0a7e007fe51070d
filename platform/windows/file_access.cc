#include "platform/windows/file_access.h"

#include <aclapi.h>
#include <sddl.h>

#include <string>

#include "platform/windows/error_status.h"
#include "platform/windows/handle.h"

namespace whydrop::platform {
namespace {

constexpr DWORD kWriteRights = FILE_WRITE_DATA /* also: add a file */ | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE |
                               WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

// The user that this process runs as.
class ProcessUser {
 public:
  ProcessUser() {
    HANDLE opened = nullptr;
    DWORD size = 0;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &opened)) {
      error_ = GetLastError();
      return;
    }
    const Handle token(opened);
    if (!GetTokenInformation(token.get(), TokenUser, buffer_, sizeof(buffer_), &size)) {
      error_ = GetLastError();
      return;
    }
    sid_ = reinterpret_cast<const TOKEN_USER*>(buffer_)->User.Sid;
    DWORD contained = 0;
    // Fails before Windows 8, which has no app containers.
    contained_ = GetTokenInformation(token.get(), TokenIsAppContainer, &contained, sizeof(contained), &size) != 0 &&
                 contained != 0;
  }
  PSID sid() const { return sid_; }  // nullptr: unknown, see error()
  DWORD error() const { return error_; }
  bool contained() const { return contained_; }

 private:
  alignas(TOKEN_USER) BYTE buffer_[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE] = {};
  PSID sid_ = nullptr;
  DWORD error_ = 0;
  bool contained_ = false;
};

// Applications in containers act for the user that started them.
bool IsAppPackage(PSID sid) {
  static constexpr SID_IDENTIFIER_AUTHORITY kAppPackages = SECURITY_APP_PACKAGE_AUTHORITY;
  const SID_IDENTIFIER_AUTHORITY* authority = GetSidIdentifierAuthority(sid);
  for (size_t i = 0; i < sizeof(authority->Value); ++i) {
    if (authority->Value[i] != kAppPackages.Value[i]) return false;
  }
  return true;
}

bool IsTrusted(PSID sid, PSID user) {
  return EqualSid(sid, user) || IsWellKnownSid(sid, WinBuiltinAdministratorsSid) ||
         IsWellKnownSid(sid, WinLocalSystemSid);
}

bool OthersMayWrite(PACL list, PSID user) {
  if (list == nullptr) return true;  // no list: everybody may do everything
  for (DWORD i = 0; i < list->AceCount; ++i) {
    void* entry = nullptr;
    if (!GetAce(list, i, &entry)) return true;
    const auto* header = static_cast<const ACE_HEADER*>(entry);
    if (header->AceType != ACCESS_ALLOWED_ACE_TYPE || (header->AceFlags & INHERIT_ONLY_ACE) != 0) continue;
    auto* allowed = static_cast<ACCESS_ALLOWED_ACE*>(entry);
    PSID sid = &allowed->SidStart;
    if ((allowed->Mask & kWriteRights) == 0 || IsTrusted(sid, user) || IsAppPackage(sid)) continue;
    if (!IsWellKnownSid(sid, WinCreatorOwnerSid) && !IsWellKnownSid(sid, WinCreatorOwnerRightsSid)) return true;
  }
  return false;
}

bool HasAccessLists(HANDLE file) {
  DWORD flags = 0;
  return !GetVolumeInformationByHandleW(file, nullptr, 0, nullptr, nullptr, &flags, nullptr, 0) ||
         (flags & FILE_PERSISTENT_ACLS) != 0;
}

}  // namespace

PrivateAccess::PrivateAccess() {
  attributes_.nLength = sizeof(attributes_);
  const ProcessUser user;
  wchar_t* name = nullptr;
  if (user.sid() == nullptr || user.contained() || !ConvertSidToStringSidW(user.sid(), &name)) return;
  const std::wstring list = L"D:P(A;OICI;FA;;;" + std::wstring(name) + L")(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";
  LocalFree(name);
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(list.c_str(), SDDL_REVISION_1,
                                                            &attributes_.lpSecurityDescriptor, nullptr)) {
    attributes_.lpSecurityDescriptor = nullptr;
  }
}

PrivateAccess::~PrivateAccess() { LocalFree(attributes_.lpSecurityDescriptor); }

Status CheckOwner(HANDLE file, bool* writable_by_others) {
  if (writable_by_others != nullptr) *writable_by_others = false;
  if (!HasAccessLists(file)) return OkStatus();
  const ProcessUser user;
  if (user.sid() == nullptr) return StatusFromWindows(user.error());
  PSID owner = nullptr;
  PACL list = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  const DWORD error = GetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                      &owner, nullptr, &list, nullptr, &descriptor);
  if (error != ERROR_SUCCESS) return StatusFromWindows(error);
  const bool ours = owner != nullptr && IsTrusted(owner, user.sid());
  if (writable_by_others != nullptr) *writable_by_others = OthersMayWrite(list, user.sid());
  LocalFree(descriptor);
  return ours ? OkStatus() : Status{StatusKind::kInvalid, 0};
}

}  // namespace whydrop::platform
