// Between the UTF-8 of our interface and the UTF-16 of the system's.
//
// Thread rule: any thread.
#ifndef WHYDROP_PLATFORM_WINDOWS_WIDE_PATH_H
#define WHYDROP_PLATFORM_WINDOWS_WIDE_PATH_H

#include <cstddef>
#include <string>

#include "platform/status.h"

namespace whydrop::platform {

// The absolute form with the prefix \\?\, which lifts the limit of 260 characters and stops any further interpretation.
// kInvalid: no UTF-8, or the name of a device.
Status WidePath(const std::string& path, std::wstring* out);

// False: the text is not well-formed.
bool ToWide(const std::string& text, std::wstring* out);
bool ToUtf8(const wchar_t* text, size_t size, std::string* out);

}  // namespace whydrop::platform

#endif
