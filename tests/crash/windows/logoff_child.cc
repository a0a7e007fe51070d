// A player whose Windows session ends (see logoff_test.sh).
//
// Usage: windows_logoff_child play DIRECTORY READY [WINDOW]   plays, connected, with its state in DIRECTORY; makes the
//                                                             file READY when it does. WINDOW: with a window of its own
//        windows_logoff_child report DIRECTORY                prints how the session before ended
#include <windows.h>

#include <cstdio>
#include <cstring>
#include <cwchar>

#include "whydrop/whydrop.h"

namespace {

// Windows fixes how the windows of a process are scaled when the first one is made, so ours must not be that.
constexpr DWORD kBeforeTheWindowMs = 3000;

BOOL CALLBACK IsListener(HWND window, LPARAM found) {
  DWORD process = 0;
  wchar_t name[64] = {};
  GetWindowThreadProcessId(window, &process);
  GetClassNameW(window, name, 64);
  const bool listener = process == GetCurrentProcessId() && std::wcscmp(name, L"whydrop session end") == 0;
  if (listener) *reinterpret_cast<bool*>(found) = true;
  return listener ? FALSE : TRUE;
}

bool SdkListens() {
  bool found = false;
  EnumWindows(IsListener, reinterpret_cast<LPARAM>(&found));
  return found;
}

// A window that bears taskkill, as one does that asks whether to save.
void HandleMessages() {
  MSG message = {};
  while (PeekMessageW(&message, nullptr, 0, 0, PM_REMOVE)) {
    if (message.message != WM_CLOSE) DispatchMessageW(&message);
  }
}

int Report() {
  whydrop_last_session last = {};
  last.struct_size = sizeof last;
  const whydrop_result result = whydrop_get_last_session(&last);
  std::printf("%d %s\n", static_cast<int>(result), whydrop_cause_name(last.end));
  whydrop_stop();
  return 0;
}

int Play(const char* ready, bool window) {
  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  whydrop_conn_connected(whydrop_conn_open(&info), WHYDROP_NO_SOCKET);
  if (window) {
    Sleep(kBeforeTheWindowMs);
    if (SdkListens()) return 4;
    CreateWindowExW(0, L"STATIC", L"game", WS_POPUP | WS_VISIBLE, 0, 0, 64, 64, nullptr, nullptr, nullptr, nullptr);
  }
  for (bool listened = false;; Sleep(10)) {
    HandleMessages();
    if (listened || !SdkListens()) continue;
    listened = true;
    std::fclose(std::fopen(ready, "w"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "logoff.test";
  config.app_version = "1.0";
  config.state_dir = argv[2];
  if (whydrop_start(&config) != WHYDROP_OK) return 3;
  whydrop_flush(120000);
  if (std::strcmp(argv[1], "report") == 0) return Report();
  return argc < 4 ? 2 : Play(argv[3], argc > 4);
}
