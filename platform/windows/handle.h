// Owned kernel handles, protected from being closed by others: a game that closes one of its own twice would close
// ours, which got the number in between, and its next file would get what is written to ours.
#ifndef WHYDROP_PLATFORM_WINDOWS_HANDLE_H
#define WHYDROP_PLATFORM_WINDOWS_HANDLE_H

#include <windows.h>

namespace whydrop::platform {

// Closes itself.
class Handle {
 public:
  Handle() = default;
  explicit Handle(HANDLE handle) : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {
    if (handle_ != nullptr)
      SetHandleInformation(handle_, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAG_PROTECT_FROM_CLOSE);
  }
  ~Handle() { Reset(nullptr); }
  Handle(Handle&& other) noexcept : handle_(other.Release()) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  explicit operator bool() const { return handle_ != nullptr; }
  HANDLE get() const { return handle_; }
  // Given up, and still protected: to be closed by CloseOwned.
  HANDLE Release() {
    HANDLE handle = handle_;
    handle_ = nullptr;
    return handle;
  }
  static void CloseOwned(HANDLE handle) {
    SetHandleInformation(handle, HANDLE_FLAG_PROTECT_FROM_CLOSE, 0);
    CloseHandle(handle);
  }

 private:
  void Reset(HANDLE handle) {
    if (handle_ != nullptr) CloseOwned(handle_);
    handle_ = handle;
  }
  HANDLE handle_ = nullptr;
};

}  // namespace whydrop::platform

#endif
