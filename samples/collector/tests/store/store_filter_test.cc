#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;

namespace {

// Three sessions that differ in everything that can be asked for, each with one connection an hour after the last.
class FilterFixture : public StoreFixture {
 public:
  FilterFixture() {
    Send('a', "game", "1.0", 1, "gate-1", {{"gpu", "x"}, {"mode", "duel"}});
    Send('b', "game", "1.1", 2, "gate-2", {{"gpu", "x"}});
    Send('c', "other", "1.1", 77, "gate-2", {});
  }

  uint64_t Connections(const AttributionQuery& query) { return store->QueryAttribution(query).connections; }
  uint64_t Sessions(const SessionFilter& filter) {
    uint64_t sessions = 0;
    for (const SessionEndGroup& group : store->QuerySessionEnds(filter)) sessions += group.sessions;
    return sessions;
  }
  // The same condition holds for connections, findings and sessions.
  void CheckFinds(const AttributionQuery& query, uint64_t wanted) {
    CHECK(Connections(query) == wanted);
    CHECK(Sessions(query) == wanted);
    const std::vector<Finding> findings = store->QueryFindings(query);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].count == wanted);
  }

 private:
  void Send(char session, const char* app, const char* version, int32_t platform, const char* endpoint,
            std::vector<std::pair<std::string, std::string>> tags) {
    Batch batch = Make(session);
    batch.session.app_id = app;
    batch.session.app_version = version;
    batch.session.platform = platform;
    batch.session.tags = std::move(tags);
    batch.connections = {Record(1)};
    batch.connections[0].endpoint = endpoint;
    // linger_zero (35), so that the connection shows a finding.
    AddEvidence({"\x98\x02\x01", 3}, &batch.connections[0]);
    REQUIRE(Post(batch) == StoreVerdict::kAccepted);
    now += 3600;
  }
};

AttributionQuery All() {
  AttributionQuery query;
  query.group_by = {"cause"};
  return query;
}

Batch Crash(Batch batch, const char* module, uint64_t offset, const char* version, const char* report) {
  batch.session.end = WHYDROP_CAUSE_CLIENT_CRASH;
  batch.session.crash_code = 11;
  batch.session.platform = 1;
  batch.session.crash_module = module;
  batch.session.crash_offset = offset;
  batch.session.app_version = version;
  batch.session.crash_report_id = report;
  return batch;
}

}  // namespace

TEST_CASE_FIXTURE(FilterFixture, "every filter of a question selects the connections, findings and sessions it names") {
  CheckFinds(All(), 3);
  AttributionQuery query = All();
  query.app_version = "1.1";
  CheckFinds(query, 2);
  query.app_id = "game";
  CheckFinds(query, 1);
  query = All();
  query.platform = 2;
  CheckFinds(query, 1);
  query.platform = 0;  // also one that this collector does not know
  CheckFinds(query, 1);
  query = All();
  query.tags = {{"gpu", "x"}};
  CheckFinds(query, 2);
  query.tags.emplace_back("mode", "duel");
  CheckFinds(query, 1);
  query = All();
  query.from = now - 3600 - 60;
  CheckFinds(query, 1);
  query = All();
  query.to = now - 3600 - 60;
  CheckFinds(query, 2);
  query.from = query.to;
  CHECK(Connections(query) == 0);
}

TEST_CASE_FIXTURE(FilterFixture, "an endpoint selects connections, beside a group by a tag too") {
  AttributionQuery query;
  query.group_by = {"tag:gpu", "endpoint"};
  query.endpoint = "gate-2";
  query.tags = {{"gpu", "x"}};
  const Attribution found = store->QueryAttribution(query);
  CHECK(found.connections == 1);
  REQUIRE(found.groups.size() == 1);
  CHECK(found.groups[0].values == std::vector<std::string>{"x", "gate-2"});
}

TEST_CASE_FIXTURE(FilterFixture, "a value that looks like SQL is only a value") {
  AttributionQuery query = All();
  query.app_version = "' OR 1 --";
  CHECK(Connections(query) == 0);
  query = All();
  query.tags = {{"gpu", "x') OR 1 --"}};
  CHECK(Connections(query) == 0);
}

TEST_CASE_FIXTURE(FilterFixture, "an hour is named by its start in UTC") {
  const Attribution found = Ask("hour");
  REQUIRE(found.groups.size() == 3);
  CHECK(found.groups[0].values[0] == "2023-11-14T22:00Z");
  CHECK(found.groups[2].values[0] == "2023-11-15T00:00Z");
}

TEST_CASE_FIXTURE(FilterFixture, "apps and their labels are listed to choose from") {
  CHECK(store->ListApps() == std::vector<std::string>{"game", "other"});
  std::vector<std::string> labels;
  for (const Label& label : store->ListLabels("")) {
    labels.push_back(label.app_id + " " + label.dimension + " " + label.value);
  }
  CHECK(labels == std::vector<std::string>{"game app_version 1.0", "game app_version 1.1", "game endpoint gate-1",
                                           "game endpoint gate-2", "game tag:gpu x", "game tag:mode duel",
                                           "other app_version 1.1", "other endpoint gate-2"});
  CHECK(store->ListLabels("other").size() == 2);
  CHECK(store->ListLabels("nobody").empty());
}

TEST_CASE_FIXTURE(StoreFixture, "a version that only servers run is none to choose from") {
  Batch server = MakeServer('s', 'm', 'b');
  server.session.app_version = "server-2.1";
  server.connections = {Record(1)};
  CHECK(Post(server) == StoreVerdict::kAccepted);
  CHECK(Post(Make('a')) == StoreVerdict::kAccepted);
  std::vector<std::string> versions;
  for (const Label& label : store->ListLabels("game")) {
    if (label.dimension.find("version") != std::string::npos) versions.push_back(label.value);
  }
  CHECK(versions == std::vector<std::string>{"1.0"});
}

TEST_CASE_FIXTURE(StoreFixture, "the ends of clients' sessions are counted by version, those of servers are not") {
  CHECK(Post(Crash(Make('a'), "game.so", 1, "1.0", "")) == StoreVerdict::kAccepted);
  CHECK(Post(Crash(Make('b'), "game.so", 1, "1.0", "")) == StoreVerdict::kAccepted);
  CHECK(Post(Make('c')) == StoreVerdict::kAccepted);
  CHECK(Post(MakeServer('s', 'm', 'b')) == StoreVerdict::kAccepted);
  const std::vector<SessionEndGroup> ends = store->QuerySessionEnds({});
  REQUIRE(ends.size() == 2);
  CHECK(ends[0].app_version == "1.0");
  CHECK(ends[0].end == WHYDROP_CAUSE_CLIENT_CRASH);
  CHECK(ends[0].sessions == 2);
  CHECK(ends[1].end == 0);
}

TEST_CASE_FIXTURE(StoreFixture, "crashes of one place stand together, with their versions and newest reports") {
  const int64_t first = now;
  for (int i = 0; i < 7; ++i) {
    const std::string report = i == 3 ? "" : "report-" + std::to_string(i);
    const char* version = i < 2 ? "1.1" : "1.0";
    CHECK(Post(Crash(Make(static_cast<char>('a' + i)), "game.so", 0x1234, version, report.c_str())) ==
          StoreVerdict::kAccepted);
    now += 60;
  }
  CHECK(Post(Crash(Make('x'), "game.so", 0x9999, "1.0", "")) == StoreVerdict::kAccepted);
  CHECK(Post(Crash(Make('y'), "gpu.so", 0x1234, "1.0", "")) == StoreVerdict::kAccepted);
  CHECK(Post(Make('z')) == StoreVerdict::kAccepted);

  const Crashes all = store->QueryCrashes({}, 2);
  CHECK(all.sessions == 9);
  CHECK(all.places == 3);
  REQUIRE(all.groups.size() == 2);
  const CrashGroup& group = all.groups[0];
  CHECK(group.module == "game.so");
  CHECK(group.offset == 0x1234);
  CHECK(group.code == 11);
  CHECK(group.platform == 1);
  CHECK(group.sessions == 7);
  CHECK(group.first_s == first);
  CHECK(group.last_s == first + 360);
  REQUIRE(group.versions.size() == 2);
  CHECK(group.versions[0].app_version == "1.1");
  CHECK(group.versions[0].sessions == 2);
  CHECK(group.versions[1].sessions == 5);
  REQUIRE(group.reports.size() == kReportsPerCrash);
  CHECK(group.reports[0].app_id == "game");
  CHECK(group.reports[0].report_id == "report-6");
  CHECK(group.reports[0].session_id == Id('g'));
  CHECK(group.reports[4].report_id == "report-1");  // the session without a report is left out
  CHECK(all.groups[1].reports.empty());

  SessionFilter old;
  old.app_version = "1.1";
  const Crashes in_old = store->QueryCrashes(old, 10);
  REQUIRE(in_old.groups.size() == 1);
  CHECK(in_old.groups[0].sessions == 2);
}
