// whydrop-collector import: takes the log of a server that does not link the SDK into the store, as batches in server
// role.
//
// Lines are cut into batches whose ids are made of what stands in them, so the same file counts once however often it
// is imported, and an import that was broken off goes on when it is called again.
//
// Thread rule: one thread.
#ifndef WHYDROP_COLLECTOR_IMPORT_H
#define WHYDROP_COLLECTOR_IMPORT_H

#include <cstdint>
#include <string>

#include "samples/collector/config/options.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

struct ImportSummary {
  uint64_t lines = 0;       // that hold a connection
  uint64_t accepted = 0;    // are new
  uint64_t known = 0;       // were imported before: they count once
  uint64_t rejected = 0;    // are wrong; what is wrong with them stands on stderr
  std::string cannot_tell;  // why the store did not say of each batch whether it had it; "": it did
};

// Reads the whole file before it stores anything: with a wrong line nothing is stored, and the first of them are told,
// unless the options say to leave such lines out; then all of them are. Throws FileError, and StoreError if the store
// takes no more; what was stored before that stays, and counts once.
ImportSummary Import(const Options& options, const std::string& path, const ClockFn& now, Store* store);

}  // namespace whydrop::collector

#endif
