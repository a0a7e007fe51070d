// Ids of the system that it tells as text: 32 hexadecimal digits.
#ifndef WHYDROP_PLATFORM_ID_TEXT_H
#define WHYDROP_PLATFORM_ID_TEXT_H

#include <string>

#include "platform/identity.h"

namespace whydrop::platform {

// Dashes between the digits are skipped, what follows them is ignored. All zeros: no id.
Id16 ParseId(const std::string& text);

}  // namespace whydrop::platform

#endif
