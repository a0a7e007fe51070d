// What Windows' messages and console events say of the end of a session: pure, so that those which Wine never sends are
// tested.
//
// Thread rule: pure.
#ifndef WHYDROP_PLATFORM_WINDOWS_SESSION_NOTICES_H
#define WHYDROP_PLATFORM_WINDOWS_SESSION_NOTICES_H

#include <windows.h>

#include "platform/process.h"

namespace whydrop::platform {

// What is known beside a message.
struct SessionFacts {
  bool of_services = false;  // the process is in the services' session: who logs off is somebody else, and it goes on
  bool shutting_down = false;
};

// Of WM_QUERYENDSESSION and WM_ENDSESSION. False: the end of this one process, or of somebody else's session.
bool NoticeOfMessage(UINT message, WPARAM wide, LPARAM narrow, const SessionFacts& facts, SessionEndNotice* out);
// Of a CTRL_*_EVENT. False: no end of this session.
bool NoticeOfConsoleEvent(DWORD event, bool of_services, SessionEndNotice* out);

}  // namespace whydrop::platform

#endif
