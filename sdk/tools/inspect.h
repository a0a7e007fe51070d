// `whydrop inspect`: what is in the file, for people or, with --json, for programs.
#ifndef WHYDROP_TOOLS_INSPECT_H
#define WHYDROP_TOOLS_INSPECT_H

#include <string>

#include "tools/load.h"

namespace whydrop::tools {

std::string InspectText(const Loaded& loaded);
// One JSON object: what the text says, with every batch as protobuf's own JSON. False: a batch could not be printed.
bool InspectJson(const Loaded& loaded, std::string* out);

}  // namespace whydrop::tools

#endif
