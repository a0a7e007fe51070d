// The tables of the embedded store and how older files are brought to the present version.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_SCHEMA_H
#define WHYDROP_COLLECTOR_SQLITE_SCHEMA_H

#include "samples/collector/store/sqlite/db.h"

namespace whydrop::collector {

// What a row of the table connections stands for; the values are stored.
enum class RowKind : int32_t {
  kReported = 0,        // a client's record, joined with the server's where that exists
  kServerOnly = 1,      // a server's record whose client has not reported
  kUnjoinedServer = 2,  // a server's record without a token: counted apart
};

// Creates or migrates. Throws StoreError if the file is no store or of a newer version.
void PrepareSchema(Database* db);

// Throws StoreError if the file is not of the present version.
void RequirePresentSchema(const Database& db);

// Writes something, which changes nothing.
void TouchSchema(Database* db);

}  // namespace whydrop::collector

#endif
