// How Windows tells of a log-off or shutdown: a program that has user32 loaded gets messages to each of its top-level
// windows, another one a console control event. A hidden window of our own hears the messages whatever the game does
// with its windows. The library does not bring user32 itself: that alone would take the control events away from a
// program without windows.
#include <windows.h>

#include <atomic>

#include "platform/clock.h"
#include "platform/process.h"
#include "platform/windows/session_notices.h"

namespace whydrop::platform {
namespace {

using OnNotice = void (*)(SessionEndNotice notice);
std::atomic<OnNotice> on_session_notice{nullptr};

constexpr wchar_t kClassName[] = L"whydrop session end";
// A window's thread also runs what others hook into windows: input methods, overlays, tools for the disabled.
constexpr SIZE_T kStackBytes = 512 * 1024;
// A program that has shown no window for so long is one without windows.
constexpr uint64_t kNoWindowsMs = 30 * 1000;

struct Desktop {
  decltype(&RegisterClassW) register_class = nullptr;
  decltype(&CreateWindowExW) create_window = nullptr;
  decltype(&DefWindowProcW) handle_by_default = nullptr;
  decltype(&GetMessageW) get_message = nullptr;
  decltype(&DispatchMessageW) dispatch_message = nullptr;
  decltype(&EnumWindows) enumerate_windows = nullptr;
  decltype(&GetWindowThreadProcessId) owner_of = nullptr;
  decltype(&IsWindowVisible) is_visible = nullptr;
  decltype(&GetSystemMetrics) system_metrics = nullptr;
};
Desktop desktop;  // written before the window's thread starts

template <typename Function>
bool Find(HMODULE module, const char* name, Function* out) {
  *out = reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(module, name)));
  return *out != nullptr;
}

bool FindDesktop() {
  const HMODULE user = GetModuleHandleW(L"user32.dll");
  return user != nullptr && Find(user, "RegisterClassW", &desktop.register_class) &&
         Find(user, "CreateWindowExW", &desktop.create_window) &&
         Find(user, "DefWindowProcW", &desktop.handle_by_default) && Find(user, "GetMessageW", &desktop.get_message) &&
         Find(user, "DispatchMessageW", &desktop.dispatch_message) &&
         Find(user, "EnumWindows", &desktop.enumerate_windows) &&
         Find(user, "GetWindowThreadProcessId", &desktop.owner_of) &&
         Find(user, "IsWindowVisible", &desktop.is_visible) && Find(user, "GetSystemMetrics", &desktop.system_metrics);
}

void Tell(SessionEndNotice notice) {
  const OnNotice on_notice = on_session_notice.load(std::memory_order_acquire);
  if (on_notice != nullptr) on_notice(notice);
}

bool IsOfServices() {
  DWORD session = 0;
  return ProcessIdToSessionId(GetCurrentProcessId(), &session) && session == 0;
}

LRESULT CALLBACK HandleMessage(HWND window, UINT message, WPARAM wide, LPARAM narrow) {
  SessionEndNotice notice = SessionEndNotice::kCancelled;
  switch (message) {
    case WM_QUERYENDSESSION:
    case WM_ENDSESSION:
      if (NoticeOfMessage(message, wide, narrow, {IsOfServices(), desktop.system_metrics(SM_SHUTTINGDOWN) != 0},
                          &notice)) {
        Tell(notice);
      }
      return message == WM_QUERYENDSESSION ? TRUE : 0;
    case WM_CLOSE:
      // taskkill and the like ask every window of a program to close, this one too: it would be destroyed by default,
      // and the log-off that comes later would not be heard.
      return 0;
    default:
      return desktop.handle_by_default(window, message, wide, narrow);
  }
}

// Takes a note only; the next handler in the chain decides.
BOOL WINAPI HandleConsole(DWORD event) {
  SessionEndNotice notice = SessionEndNotice::kCancelled;
  if (NoticeOfConsoleEvent(event, IsOfServices(), &notice)) Tell(notice);
  return FALSE;
}

// The module that this code lies in: window classes belong to modules.
HINSTANCE OwnModule() {
  HMODULE module = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                     reinterpret_cast<LPCWSTR>(&HandleMessage), &module);
  return module;
}

// Runs until the process ends. Only top-level windows are told, so it is no message-only one; it is never shown.
DWORD WINAPI ListenToMessages(void*) {
  WNDCLASSW window_class = {};
  window_class.lpfnWndProc = HandleMessage;
  window_class.hInstance = OwnModule();
  window_class.lpszClassName = kClassName;
  if (desktop.register_class(&window_class) == 0) return 0;
  const HWND window = desktop.create_window(0, kClassName, kClassName, WS_POPUP, 0, 0, 0, 0, nullptr, nullptr,
                                            window_class.hInstance, nullptr);
  if (window == nullptr) return 0;  // a service, or a machine without a desktop
  MSG message = {};
  while (desktop.get_message(&message, nullptr, 0, 0) > 0) desktop.dispatch_message(&message);
  return 0;
}

BOOL CALLBACK StopAtOwn(HWND window, LPARAM found) {
  DWORD process = 0;
  desktop.owner_of(window, &process);
  const bool own = process == GetCurrentProcessId() && desktop.is_visible(window) != 0;
  if (own) *reinterpret_cast<bool*>(found) = true;
  return own ? FALSE : TRUE;
}

// With the first window of a process Windows fixes how its windows are scaled, which the game may still be about to
// say: ours must not be the first.
bool GameHasWindow() {
  bool found = false;
  desktop.enumerate_windows(StopAtOwn, reinterpret_cast<LPARAM>(&found));
  return found;
}

}  // namespace

void WatchSessionEnd(OnNotice on_notice) {
  static bool listens = false;
  static uint64_t desktop_since_ms = 0;
  if (on_session_notice.exchange(on_notice) == nullptr) SetConsoleCtrlHandler(HandleConsole, TRUE);
  if (listens) return;
  if (desktop_since_ms == 0) {
    if (!FindDesktop()) return;
    desktop_since_ms = CoarseMonotonicMs();
  }
  if (!GameHasWindow() && CoarseMonotonicMs() - desktop_since_ms < kNoWindowsMs) return;
  const HANDLE thread =
      CreateThread(nullptr, kStackBytes, ListenToMessages, nullptr, STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (thread != nullptr) CloseHandle(thread);
  listens = thread != nullptr;
}

}  // namespace whydrop::platform
