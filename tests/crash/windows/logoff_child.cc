// A player whose Windows session ends (see logoff_test.sh).
//
// Usage: windows_logoff_child play DIRECTORY READY   plays, connected, with its state in DIRECTORY; makes the file
// READY
//                                                    when it does
//        windows_logoff_child report DIRECTORY       prints how the session before ended
#include <windows.h>

#include <cstdio>
#include <cstring>

#include "whydrop/whydrop.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  // As every game with a window has it: only then does Windows send the messages that are waited for here.
  LoadLibraryW(L"user32.dll");
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "logoff.test";
  config.app_version = "1.0";
  config.state_dir = argv[2];
  if (whydrop_start(&config) != WHYDROP_OK) return 3;
  whydrop_flush(120000);
  if (std::strcmp(argv[1], "report") == 0) {
    whydrop_last_session last = {};
    last.struct_size = sizeof last;
    const whydrop_result result = whydrop_get_last_session(&last);
    std::printf("%d %s\n", static_cast<int>(result), whydrop_cause_name(last.end));
    whydrop_stop();
    return 0;
  }
  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  whydrop_conn_connected(whydrop_conn_open(&info), WHYDROP_NO_SOCKET);
  // The hidden window is made on a thread of its own.
  while (FindWindowW(L"whydrop session end", nullptr) == nullptr) Sleep(10);
  if (argc > 3) std::fclose(std::fopen(argv[3], "w"));
  Sleep(INFINITE);
  return 0;
}
