// The running collector: both addresses, the store behind them, and the order in which they begin and end.
//
// Thread rule: from one thread, once.
#ifndef WHYDROP_COLLECTOR_SERVE_H
#define WHYDROP_COLLECTOR_SERVE_H

#include "samples/collector/config/options.h"

namespace whydrop::collector {

// Returns after SIGTERM or SIGINT, when everything acknowledged is stored. Throws what keeps it from starting.
void Serve(const Options& options);

// Throws what would keep Serve from using the files that the options name.
void CheckFiles(const Options& options);

}  // namespace whydrop::collector

#endif
