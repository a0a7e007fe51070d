// whydrop-collector export: every counted connection of a store with its verdict, as CSV or as JSON lines.
//
// Thread rule: one thread.
#ifndef WHYDROP_COLLECTOR_EXPORT_H
#define WHYDROP_COLLECTOR_EXPORT_H

#include <cstdint>
#include <cstdio>

#include "samples/collector/config/options.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

// Returns how many lines were written, the head of CSV not among them. Throws ConfigError for a filter that cannot be,
// StoreError, and FileError if `out` cannot be written.
uint64_t Export(const Options& options, Store* store, std::FILE* out);

}  // namespace whydrop::collector

#endif
