#include "platform/windows/session_notices.h"

namespace whydrop::platform {
namespace {

// Whose end the flags of both messages speak of.
bool IsOfSession(LPARAM narrow, const SessionFacts& facts) {
  const auto flags = static_cast<DWORD>(narrow);
  // The Restart Manager asks one program to make room for an update; in a shutdown it asks all that it starts again.
  if ((flags & ENDSESSION_CLOSEAPP) != 0 && !facts.shutting_down) return false;
  return (flags & ENDSESSION_LOGOFF) == 0 || !facts.of_services;
}

}  // namespace

bool NoticeOfMessage(UINT message, WPARAM wide, LPARAM narrow, const SessionFacts& facts, SessionEndNotice* out) {
  // The process may be ended any time after it has answered the question, with or without the second message.
  const bool ends = message == WM_QUERYENDSESSION || (message == WM_ENDSESSION && wide != FALSE);
  *out = ends ? SessionEndNotice::kAnnounced : SessionEndNotice::kCancelled;
  return (message == WM_QUERYENDSESSION || message == WM_ENDSESSION) && (!ends || IsOfSession(narrow, facts));
}

bool NoticeOfConsoleEvent(DWORD event, bool of_services, SessionEndNotice* out) {
  *out = SessionEndNotice::kAnnounced;
  // A closed console window is no end of the system's.
  return event == CTRL_SHUTDOWN_EVENT || (event == CTRL_LOGOFF_EVENT && !of_services);
}

}  // namespace whydrop::platform
