// What every store does, whatever its engine.
#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;

TEST_CASE_FIXTURE(StoreFixture, "a client's session ends once, so nobody can have its records judged for ever") {
  Batch first = Make('a');
  first.session.end = WHYDROP_CAUSE_CLIENT_CRASH;
  first.connections = {OpenRecord(1)};
  CHECK(Post(first) == StoreVerdict::kAccepted);
  Batch second = Make('a', 1);
  second.session.end = WHYDROP_CAUSE_CLIENT_KILLED;
  CHECK(Post(second) == StoreVerdict::kAccepted);
  const auto sessions = store->FindSessions(std::nullopt, "", 10);
  REQUIRE(sessions.size() == 1);
  CHECK(sessions[0].info.end == WHYDROP_CAUSE_CLIENT_CRASH);
}

TEST_CASE_FIXTURE(StoreFixture, "a session that reports again and again is counted once, as its first end says") {
  constexpr int32_t kEnds[] = {0, 0, WHYDROP_CAUSE_CLIENT_CRASH, WHYDROP_CAUSE_CLIENT_KILLED};
  for (uint32_t rotation = 0; rotation < 4; ++rotation) {
    Batch batch = Make('a', rotation);
    batch.session.end = kEnds[rotation];
    // A later report may also say that it ended on another day.
    batch.reference_unix_s -= rotation * kDay;
    CHECK(Post(batch) == StoreVerdict::kAccepted);
    const std::vector<SessionEndGroup> ends = store->QuerySessionEnds({});
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].sessions == 1);
    CHECK(ends[0].end == (rotation < 2 ? 0 : WHYDROP_CAUSE_CLIENT_CRASH));
    CHECK(store->QueryCrashes({}, 10).sessions == (rotation < 2 ? 0 : 1));
  }
}

TEST_CASE_FIXTURE(StoreFixture, "a server whose place another process took has died, until it reports again") {
  Batch server = MakeServer('s', 'm', 'b');
  server.connections = {OpenRecord(1, Id('t'))};
  CHECK(Post(server) == StoreVerdict::kAccepted);
  Batch client = Make('c');
  client.connections = {ResetRecord(1, Id('t'))};
  CHECK(Post(client) == StoreVerdict::kAccepted);
  CHECK(Cause(Id('t')) != "server_died");

  now += 10;
  CHECK(Post(MakeServer('n', 'm', 'b')) == StoreVerdict::kAccepted);
  CHECK(Cause(Id('t')) == "server_died");
  CHECK(Ask().groups.at(0).values.at(0) == "server_died");

  CHECK(Post(MakeServer('s', 'm', 'b', 1)) == StoreVerdict::kAccepted);
  CHECK(Cause(Id('t')) != "server_died");
  CHECK(Ask().groups.at(0).values.at(0) != "server_died");
}

TEST_CASE_FIXTURE(StoreFixture, "a server of another machine, or one that is not silent yet, replaces nobody") {
  Batch server = MakeServer('s', 'm', 'b');
  server.connections = {OpenRecord(1, Id('t'))};
  CHECK(Post(server) == StoreVerdict::kAccepted);
  now += 2;
  CHECK(Post(MakeServer('n', 'm', 'b')) == StoreVerdict::kAccepted);
  CHECK(Post(MakeServer('o', 'x', 'b')) == StoreVerdict::kAccepted);
  CHECK(Ask().connections == 0);
}

TEST_CASE_FIXTURE(StoreFixture, "a store of this version opens again with everything in it") {
  Batch batch = Make('a');
  batch.connections = {Record(1)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  Open();
  PostAgain(batch);
  CHECK(Ask().connections == 1);
}

TEST_CASE_FIXTURE(StoreFixture, "two collectors on one store count everything once") {
  std::unique_ptr<Store> other = OpenAnother();
  Batch batch = Make('a');
  batch.connections = {Record(1, Id('t'))};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  std::swap(store, other);
  PostAgain(batch);
  Batch server = MakeServer('s', 'm', 'b');
  server.connections = {Record(1, Id('t'))};
  CHECK(Post(server) == StoreVerdict::kAccepted);
  std::swap(store, other);
  CHECK(Ask().connections == 1);
}

TEST_CASE_FIXTURE(StoreFixture, "who only reads a store sees what is served, and takes nothing") {
  Batch batch = Make('a');
  batch.connections = {Record(1)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  StoreSettings settings;
  settings.access = StoreAccess::kRead;
  const std::unique_ptr<Store> reader = OpenAnother(settings);
  AttributionQuery query;
  query.group_by = {"cause"};
  CHECK(reader->QueryAttribution(query).connections == 1);
  CHECK_FALSE(reader->Submit(Make('b'), [](StoreVerdict) {}));
}

TEST_CASE_FIXTURE(StoreFixture, "a store tells how far its answers are complete and when the newest report came") {
  StoreHealth health = store->Health();
  CHECK(health.ready);
  CHECK(health.newest_report_s == 0);
  CHECK(Post(Make('a')) == StoreVerdict::kAccepted);
  health = store->Health();
  CHECK(health.ready);
  CHECK(health.newest_report_s == now);
  CHECK(health.complete_until_s >= now);
}

TEST_CASE_FIXTURE(StoreFixture, "a clock that was set back neither hides what came since nor claims to know it") {
  CHECK(Post(Make('a')) == StoreVerdict::kAccepted);
  now = now - 3600;
  Batch batch = Make('b');
  batch.connections = {Record(1, Id('t'))};
  std::promise<StoreVerdict> verdict;
  REQUIRE(store->Submit(batch, [&verdict](StoreVerdict got) { verdict.set_value(got); }));
  CHECK(verdict.get_future().get() == StoreVerdict::kAccepted);
  const bool claims = store->Health().complete_until_s >= now;
  CHECK((!claims || Ask().connections == 1));
  store->Settle();
  CHECK(store->Health().complete_until_s >= now);
  CHECK(Ask().connections == 1);
}

namespace {

// A server's connection whose client never reports, a crash that both ends report, and a client's without a token.
class RowsFixture : public StoreFixture {
 public:
  RowsFixture() {
    Batch server = MakeServer('s', 'm', 'b');
    server.connections = {ResetRecord(1, Id('t')), Record(2, Id('u')), Record(3)};
    CHECK(Post(server) == StoreVerdict::kAccepted);
    now += 60;
    Batch client = Make('a');
    client.session.end = WHYDROP_CAUSE_CLIENT_CRASH;
    client.connections = {CrashedRecord(1, Id('t'))};
    client.close_totals = {{"gate-1", WHYDROP_CAUSE_PATH_TIMEOUT, 5, 1000}};
    CHECK(Post(client) == StoreVerdict::kAccepted);
    now += 60;
    Batch plain = Make('b');
    plain.connections = {Record(1)};
    CHECK(Post(plain) == StoreVerdict::kAccepted);
  }
};

}  // namespace

TEST_CASE_FIXTURE(RowsFixture, "recent connections are listed, the newest first, with what leads to each") {
  const std::vector<ConnectionRow> all = store->RecentConnections({}, 10);
  REQUIRE(all.size() == 5);
  CHECK(all[0].session_id == Id('b'));
  CHECK(all[0].token_hash.empty());
  CHECK(all[0].reported);
  for (size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].at_s >= all[i].at_s);
  CHECK(store->RecentConnections({}, 2).size() == 2);

  ConnectionQuery query;
  query.cause = WHYDROP_CAUSE_CLIENT_CRASH;
  const std::vector<ConnectionRow> crashed = store->RecentConnections(query, 10);
  REQUIRE(crashed.size() == 1);
  CHECK(crashed[0].token_hash == Id('t'));
  CHECK(crashed[0].session_id == Id('a'));
  CHECK(crashed[0].app_version == "1.0");
  CHECK(crashed[0].outcome == Outcome::kDropped);
  query.outcome = Outcome::kClean;
  CHECK(store->RecentConnections(query, 10).empty());
  query = {};
  query.cause = WHYDROP_CAUSE_PATH_TIMEOUT;
  const std::vector<ConnectionRow> counted = store->RecentConnections(query, 10);
  REQUIRE(counted.size() == 1);
  CHECK(counted[0].connections == 5);
}

TEST_CASE_FIXTURE(RowsFixture, "a visit sees every connection that is counted, and stops when it is told to") {
  uint64_t connections = 0, unjoined = 0, reported = 0;
  store->VisitConnections({}, [&](const ConnectionRow& row) {
    (row.unjoined ? unjoined : connections) += row.connections;
    if (row.reported) reported += row.connections;
    return true;
  });
  const Attribution counted = Ask();
  CHECK(connections == counted.connections);
  CHECK(connections == 8);
  CHECK(reported == counted.reported);
  CHECK(unjoined == counted.unjoined_server_records);
  CHECK(unjoined == 1);
  int visited = 0;
  store->VisitConnections({}, [&](const ConnectionRow&) { return ++visited < 2; });
  CHECK(visited == 2);
  ConnectionQuery query;
  query.app_id = "nobody";
  store->VisitConnections(query, [](const ConnectionRow&) {
    FAIL("another app's connection");
    return true;
  });
}

TEST_CASE_FIXTURE(RowsFixture, "the connections of a session are found with both ends, whichever end's session it is") {
  const std::vector<ConnectionView> of_client = store->FindConnectionsOfSession("game", Id('a'), 10);
  REQUIRE(of_client.size() == 1);
  CHECK(of_client[0].token_hash == Id('t'));
  CHECK(of_client[0].joined.verdict.verdict.cause == WHYDROP_CAUSE_CLIENT_CRASH);
  CHECK(of_client[0].client);
  CHECK(of_client[0].server);
  const std::vector<ConnectionView> of_server = store->FindConnectionsOfSession("game", Id('s'), 10);
  CHECK(of_server.size() == 3);
  CHECK(store->FindConnectionsOfSession("game", Id('s'), 2).size() == 2);
  CHECK(store->FindConnectionsOfSession("game", Id('b'), 10).size() == 1);
  CHECK(store->FindConnectionsOfSession("other", Id('a'), 10).empty());
}
