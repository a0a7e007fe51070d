// The embedded store and its file, looked at from outside.
#ifndef WHYDROP_COLLECTOR_TESTS_SQLITE_FIXTURE_H
#define WHYDROP_COLLECTOR_TESTS_SQLITE_FIXTURE_H

#include <string>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/tests/store/store_fixture.h"

namespace whydrop::collector {

class SqliteFixture : public StoreFixture {
 public:
  std::string Path() const { return where.directory() + "/store.db"; }
  int64_t Count(const std::string& sql) {
    const Database db(Path());
    Statement statement(db, sql);
    REQUIRE(statement.Step());
    return statement.IntAt(0);
  }
};

}  // namespace whydrop::collector

#endif
