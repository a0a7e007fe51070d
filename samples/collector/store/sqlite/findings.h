// What the tables show without a question: each finding with its count, its share of the drops and whom it concerns.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_FINDINGS_H
#define WHYDROP_COLLECTOR_SQLITE_FINDINGS_H

#include <vector>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

std::vector<Finding> ReadFindings(const Database& db, const ConnectionFilter& filter);

}  // namespace whydrop::collector

#endif
