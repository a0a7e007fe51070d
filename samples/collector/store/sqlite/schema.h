// The tables of the embedded store and how older files are brought to the present version.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_SCHEMA_H
#define WHYDROP_COLLECTOR_SQLITE_SCHEMA_H

#include "samples/collector/store/sqlite/db.h"

namespace whydrop::collector {

// Creates or migrates. Throws StoreError if the file is no store or of a newer version.
void PrepareSchema(Database* db);

// Throws StoreError if the file is not of the present version.
void RequirePresentSchema(const Database& db);

// Writes something, which changes nothing.
void TouchSchema(Database* db);

}  // namespace whydrop::collector

#endif
