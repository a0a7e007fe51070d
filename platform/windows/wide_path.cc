#include "platform/windows/wide_path.h"

#include <windows.h>

#include <algorithm>
#include <cwchar>

#include "platform/windows/error_status.h"

namespace whydrop::platform {
namespace {

constexpr size_t kMaxPathBytes = 32767;  // the system's own limit, in characters

bool StartsWith(const std::wstring& text, const wchar_t* start) { return text.compare(0, wcslen(start), start) == 0; }

}  // namespace

bool ToWide(const std::string& text, std::wstring* out) {
  out->clear();
  if (text.empty()) return true;
  if (text.size() > kMaxPathBytes) return false;
  const int size = static_cast<int>(text.size());
  const int needed = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(), size, nullptr, 0);
  if (needed <= 0) return false;
  out->resize(static_cast<size_t>(needed));
  return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(), size, &(*out)[0], needed) == needed;
}

bool ToUtf8(const wchar_t* text, size_t size, std::string* out) {
  out->clear();
  if (size == 0) return true;
  if (size > kMaxPathBytes) return false;
  const int length = static_cast<int>(size);
  const int needed = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, length, nullptr, 0, nullptr, nullptr);
  if (needed <= 0) return false;
  out->resize(static_cast<size_t>(needed));
  return WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, length, &(*out)[0], needed, nullptr, nullptr) ==
         needed;
}

Status WidePath(const std::string& path, std::wstring* out) {
  std::wstring wide;
  // A zero inside would end the path early.
  if (path.empty() || path.find('\0') != std::string::npos || !ToWide(path, &wide)) return {StatusKind::kInvalid, 0};
  std::replace(wide.begin(), wide.end(), L'/', L'\\');
  if (!StartsWith(wide, L"\\\\?\\")) {
    const DWORD needed = GetFullPathNameW(wide.c_str(), 0, nullptr, nullptr);
    if (needed == 0) return StatusFromWindows(GetLastError());
    std::wstring full(needed, L'\0');
    const DWORD size = GetFullPathNameW(wide.c_str(), needed, &full[0], nullptr);
    if (size == 0) return StatusFromWindows(GetLastError());
    // Another thread changed the current directory in between. Nothing is wrong with the path.
    if (size >= needed) return {StatusKind::kIo, 0};
    full.resize(size);
    if (StartsWith(full, L"\\\\.\\")) return {StatusKind::kInvalid, 0};
    wide = StartsWith(full, L"\\\\") ? L"\\\\?\\UNC" + full.substr(1) : L"\\\\?\\" + full;
  }
  *out = std::move(wide);
  return OkStatus();
}

}  // namespace whydrop::platform
