// The counts of the embedded store (store/sqlite/rollups.h) are the sums of its rows: after any traffic, after
// restarts, deletions and failures, and in files of older versions.
#include <fstream>
#include <sstream>

#include "samples/collector/tests/store/sqlite_fixture.h"
#include "samples/collector/tests/store/store_traffic.h"

using namespace whydrop;
using namespace whydrop::collector;

namespace {

// What the table `counts` must hold, made of the rows, and what it does hold; then what is in one of the two only.
const std::string kDifferences = R"sql(
WITH counted AS (
  SELECT app_id, at_s, kind, outcome, cause, server_error, app_version, platform, endpoint, network, tag_set, findings,
         count FROM connections
  UNION ALL SELECT app_id, ended_s, 3, 0, end, '', app_version, iif(platform BETWEEN 1 AND 3, platform, 0), NULL, NULL,
         tag_set, 0, 1 FROM sessions WHERE role = 0),
faceted AS (
  SELECT 1 AS hours, '' AS facet, '' AS value, * FROM counted
  UNION ALL SELECT 24, '', '', * FROM counted
  UNION ALL SELECT 24, 'endpoint', endpoint, * FROM counted WHERE kind < 3
  UNION ALL SELECT 24, 'network', network, * FROM counted WHERE kind < 3
  UNION ALL SELECT 24, 'tag:' || t.key, t.value, c.* FROM counted c JOIN tag_set_tags t ON t.tag_set = c.tag_set
  UNION ALL SELECT 24, 'finding:' || b.column1, endpoint, c.* FROM counted c JOIN (VALUES (1), (2), (4), (8), (16), (32)) b
    ON findings & b.column1),
wanted AS (
  SELECT app_id, facet, value, hours, at_s / 3600 / hours AS bucket, kind, outcome, cause, server_error, app_version,
         platform, sum(count) FROM faceted GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
found AS (
  SELECT a.word, f.word, v.word, hours, bucket, kind, outcome, cause, e.word, n.word, platform, count FROM counts
  JOIN words a ON a.id = app JOIN words f ON f.id = facet JOIN words v ON v.id = value JOIN words e ON e.id = server_error
  JOIN words n ON n.id = version)
SELECT (SELECT count(*) FROM (SELECT * FROM wanted EXCEPT SELECT * FROM found)) +
       (SELECT count(*) FROM (SELECT * FROM found EXCEPT SELECT * FROM wanted)))sql";

class SqliteCountsFixture : public SqliteFixture {
 public:
  void CheckCounts() { CHECK(Count(kDifferences) == 0); }
  StoreVerdict Send() { return Post(traffic.Next(*this)); }

  // A file that an earlier collector left behind, with `sql` done to it.
  void LeaveOld(const std::string& sql) {
    store.reset();
    for (const char* ending : {"", "-wal", "-shm"}) std::filesystem::remove(Path() + ending);
    std::stringstream dump;
    dump << std::ifstream(WHYDROP_GOLDEN "/collector_sqlite_v3.sql").rdbuf();
    Database(Path()).Run((dump.str() + sql).c_str());
  }

  StoreTraffic traffic{11};
};

}  // namespace

TEST_CASE_FIXTURE(SqliteCountsFixture, "counts are the sums of the rows after any traffic, restarts and deletions") {
  const int64_t begun = now;
  for (int step = 1; step <= 600; ++step) {
    Send();
    // Long enough that ends stop waiting for each other and servers are missed; once so long that all is old.
    now += step == 300 ? 450 * kDay : traffic.Below(4) == 0 ? traffic.Below(3000) : 0;
    if (step % 97 == 0) Open();
    if (step % 50 == 0) CheckCounts();
    // Before anything is deleted: what is left of it later depends on when the store gets round to that.
    if (step == 250) {
      CHECK(Count("SELECT count(*) FROM connections WHERE kind = 1") > 0);
      CHECK(Count("SELECT count(*) FROM counts WHERE kind = 3") > 0);
    }
  }
  for (int i = 0; i < 1000 && Count("SELECT min(at_s) FROM connections") < begun + 450 * kDay - 400 * kDay; ++i) Send();
  CheckCounts();
}

TEST_CASE_FIXTURE(SqliteCountsFixture,
                  "a batch that is taken back and a transaction that fails leave no count behind") {
  for (int step = 0; step < 40; ++step) Send();
  Database(Path()).Run(
      "CREATE TRIGGER one BEFORE INSERT ON records WHEN new.endpoint = 'gate-1' BEGIN SELECT RAISE(FAIL, 'no'); END");
  int unavailable = 0;
  for (int step = 0; step < 60; ++step) unavailable += Send() == StoreVerdict::kUnavailable ? 1 : 0;
  CHECK(unavailable > 5);
  CheckCounts();
  Database(Path()).Run(
      "DROP TRIGGER one; CREATE TRIGGER all_of_them BEFORE INSERT ON records WHEN new.endpoint = "
      "'gate-2' BEGIN SELECT RAISE(ROLLBACK, 'no'); END");
  for (int step = 0; step < 60; ++step) unavailable += Send() == StoreVerdict::kUnavailable ? 1 : 0;
  Database(Path()).Run("DROP TRIGGER all_of_them");
  CheckCounts();
  for (int step = 0; step < 60; ++step) CHECK(Send() != StoreVerdict::kUnavailable);
  CheckCounts();
}

TEST_CASE_FIXTURE(SqliteCountsFixture, "a store of version 3 is brought to the present version and keeps everything") {
  LeaveOld("");
  CHECK(Count("PRAGMA user_version") == 3);
  const int64_t connections = Count("SELECT sum(count) FROM connections WHERE kind < 2");
  const int64_t unjoined = Count("SELECT sum(count) FROM connections WHERE kind = 2");
  const int64_t sessions = Count("SELECT count(*) FROM sessions WHERE role = 0");
  const int64_t harbour = Count(
      "SELECT sum(count) FROM connections WHERE session IN (SELECT session FROM session_tags WHERE value = 'harbour')");
  CHECK(connections > 50);
  CHECK(harbour > 10);
  now = Count("SELECT max(received_s) FROM batches");

  Open();
  CHECK(Count("PRAGMA user_version") == 4);
  CheckCounts();
  const Attribution all = Ask();
  CHECK(all.connections == static_cast<uint64_t>(connections));
  CHECK(all.unjoined_server_records == static_cast<uint64_t>(unjoined));
  AttributionQuery query;
  query.group_by = {"platform"};
  query.tags = {{"map", "harbour"}};
  CHECK(store->QueryAttribution(query).connections == static_cast<uint64_t>(harbour));
  uint64_t ended = 0;
  for (const SessionEndGroup& group : store->QuerySessionEnds({})) ended += group.sessions;
  CHECK(ended == static_cast<uint64_t>(sessions));
  CHECK(store->QueryCrashes({}, 100).sessions > 0);
  std::vector<std::string> versions;
  for (const Label& label : store->ListLabels("game")) {
    if (label.dimension == "app_version") versions.push_back(label.value);
  }
  CHECK(versions == std::vector<std::string>{"1.0", "1.10.0", "1.4.0"});

  for (int step = 0; step < 50; ++step) Send();
  now += 500 * kDay;
  Open();
  for (int step = 0; step < 50; ++step) Send();
  CheckCounts();
}

TEST_CASE_FIXTURE(SqliteCountsFixture, "a store of version 1 is brought to the present version too") {
  LeaveOld(
      "DROP INDEX connections_by_cause; DROP INDEX connections_by_decision; DROP INDEX sessions_by_hearing;"
      "ALTER TABLE sessions DROP COLUMN heard_s; ALTER TABLE sessions DROP COLUMN losses;"
      "ALTER TABLE records DROP COLUMN received_s; ALTER TABLE connections DROP COLUMN decided_s;"
      "ALTER TABLE connections DROP COLUMN findings; PRAGMA user_version = 1");
  const int64_t connections = Count("SELECT sum(count) FROM connections WHERE kind < 2");
  Open();
  CHECK(Ask().connections == static_cast<uint64_t>(connections));
  CheckCounts();
}
