// The commands that work on a store and end: import, export, backup.
//
// Thread rule: one thread.
#ifndef WHYDROP_COLLECTOR_COMMANDS_H
#define WHYDROP_COLLECTOR_COMMANDS_H

#include "samples/collector/config/load.h"

namespace whydrop::collector {

// Returns the exit code: 0, or 3 if lines of an import were wrong. Throws what keeps it from being done.
int RunCommand(const Loaded& loaded);

}  // namespace whydrop::collector

#endif
