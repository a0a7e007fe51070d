// Whom a directory or file belongs to and who may write to it, by its access list.
//
// Thread rule: any thread.
#ifndef WHYDROP_PLATFORM_WINDOWS_FILE_ACCESS_H
#define WHYDROP_PLATFORM_WINDOWS_FILE_ACCESS_H

#include <windows.h>

#include "platform/status.h"

namespace whydrop::platform {

// Attributes for a new directory of the user's own: full access for this user, administrators and the system, inherited
// by what is made in it, and nothing from above. `attributes()` is nullptr where the parent's list is to be inherited:
// in an app container, whose own identity such a list would leave out, and when memory is short.
class PrivateAccess {
 public:
  PrivateAccess();
  ~PrivateAccess();
  PrivateAccess(const PrivateAccess&) = delete;
  PrivateAccess& operator=(const PrivateAccess&) = delete;

  SECURITY_ATTRIBUTES* attributes() { return attributes_.lpSecurityDescriptor == nullptr ? nullptr : &attributes_; }

 private:
  SECURITY_ATTRIBUTES attributes_ = {};
};

// OK if it belongs to this user; administrators and the system count: an elevated run made it. kInvalid if it belongs
// to somebody else; another error where that cannot be told just now. `writable_by_others`, if it is given, is set to
// whether anybody else may write to it. Needs READ_CONTROL. OK and false on file systems without access lists.
Status CheckOwner(HANDLE file, bool* writable_by_others);

}  // namespace whydrop::platform

#endif
