// What only the embedded store does, and what its file looks like from outside.
#include <future>
#include <map>
#include <string_view>
#include <thread>
#include <vector>

#include "samples/collector/ingest/ingest.h"
#include "samples/collector/store/sqlite/read_pool.h"
#include "samples/collector/tests/store/sqlite_fixture.h"
#include "whydrop/v1/batch.pb.h"

using namespace whydrop;
using namespace whydrop::collector;

TEST_CASE_FIXTURE(SqliteFixture, "what is older than 400 days is deleted and what is younger stays") {
  Batch old = Make('a');
  old.connections = {Record(1), Record(2, Id('t'))};
  old.close_totals = {{"gate-1", 600, 5, 1000}};
  old.session.tags = {{"gpu", "x"}};
  CHECK(Post(old) == StoreVerdict::kAccepted);
  now += 399 * kDay;
  Batch young = Make('b');
  young.connections = {Record(1)};
  CHECK(Post(young) == StoreVerdict::kAccepted);
  CHECK(Ask().connections == 8);
  now += 2 * kDay;
  CHECK(Post(Make('c')) == StoreVerdict::kAccepted);
  CHECK(Post(Make('d')) == StoreVerdict::kAccepted);  // the deletion follows the commit of the batch before
  CHECK(Ask().connections == 1);
  CHECK(Count("SELECT count(*) FROM records") == 1);
  CHECK(Count("SELECT count(*) FROM sessions") == 3);
  CHECK(Count("SELECT count(*) FROM batches") == 3);
  CHECK(Count("SELECT count(*) FROM tag_sets") == 0);
  CHECK(Count("SELECT count(*) FROM tag_set_tags") == 0);
}

TEST_CASE_FIXTURE(SqliteFixture, "under a clock that was set back answers are complete until what it shows, and no later") {
  CHECK(Post(Make('a')) == StoreVerdict::kAccepted);
  now -= 3600;
  Batch batch = Make('b');
  batch.connections = {Record(1)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  CHECK(store->Health().complete_until_s == now);
  CHECK(Ask().connections == 1);
}

TEST_CASE_FIXTURE(SqliteFixture, "a clock that was set back holds up neither judgements nor deletions") {
  const auto await_judgement = [this](char session, char token) {
    Batch batch = MakeServer(session, 'm', 'b');
    batch.session.rotate_interval_ms = 0;
    batch.connections = {ResetRecord(1, Id(token))};
    CHECK(Post(batch) == StoreVerdict::kAccepted);
    const auto waiting = [this] { return Count("SELECT count(*) FROM connections WHERE decided_s > 0"); };
    CHECK(waiting() == 1);
    now += kJoinWindowS + 1;
    for (int i = 0; i < 3000 && waiting() != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(waiting() == 0);
  };
  now += 60 * 365 * kDay;
  await_judgement('s', 't');
  now -= 60 * 365 * kDay;
  await_judgement('u', 'v');
  now += 401 * kDay;
  CHECK(Post(Make('c')) == StoreVerdict::kAccepted);
  CHECK(Post(Make('d')) == StoreVerdict::kAccepted);  // the deletion follows the commit of the batch before
  CHECK(Count("SELECT count(*) FROM records") == 1);  // of the time that has not come
}

TEST_CASE_FIXTURE(SqliteFixture, "a session whose times lie cannot make the next session lose its records") {
  // It says that it ended 400 days before its own last connection, so only its row is old enough to be deleted.
  Batch liar = Make('l');
  liar.session.uptime_ms = 0;
  liar.reference_ms = static_cast<uint64_t>(kDay) * 1000 * 400;
  liar.reference_unix_s = now - 60;
  liar.connections = {Record(1)};
  liar.connections[0].evidence.Set(Field::ended_ms, static_cast<int64_t>(liar.reference_ms));
  CHECK(Post(liar) == StoreVerdict::kAccepted);
  Batch honest = Make('h');
  honest.connections = {Record(1)};
  CHECK(Post(honest) == StoreVerdict::kAccepted);
  CHECK(Ask().connections == 2);
  CHECK(Count("SELECT count(*) FROM records") == 2);
  CHECK(Count("SELECT count(*) FROM records WHERE session NOT IN (SELECT id FROM sessions)") == 0);
}

TEST_CASE_FIXTURE(SqliteFixture, "a deletion that fails costs no batch") {
  Batch old = Make('a');
  old.connections = {Record(1)};
  CHECK(Post(old) == StoreVerdict::kAccepted);
  Database(Path()).Run("CREATE TRIGGER stuck BEFORE DELETE ON batches BEGIN SELECT RAISE(FAIL, 'stuck'); END");
  now += 500 * kDay;
  Open();
  CHECK(Post(Make('b')) == StoreVerdict::kAccepted);
  CHECK(Post(Make('c')) == StoreVerdict::kAccepted);
}

TEST_CASE_FIXTURE(SqliteFixture, "a client cannot speak in the name of a server's session") {
  CHECK(Post(MakeServer('s', 'm', 'b')) == StoreVerdict::kAccepted);
  Batch forged = Make('s', 1);
  forged.session.end = WHYDROP_CAUSE_CLIENT_CRASH;
  CHECK(Post(forged) == StoreVerdict::kConflict);
  CHECK(Count("SELECT end FROM sessions") == 0);
  CHECK(Count("SELECT count(*) FROM batches") == 1);
}

TEST_CASE_FIXTURE(SqliteFixture, "a batch that fails costs none of those that share its transaction") {
  Database other(Path());
  other.Run(
      "CREATE TRIGGER one BEFORE INSERT ON records WHEN new.endpoint = 'bad' BEGIN SELECT RAISE(FAIL, 'no'); END");
  other.Run("BEGIN IMMEDIATE");  // the writer takes the first batch at most, and waits
  constexpr char kSessions[] = "abcdef";
  std::map<char, std::promise<StoreVerdict>> verdicts;
  for (const char session : std::string_view(kSessions)) {
    Batch batch = Make(session);
    batch.connections = {Record(1), Record(2)};
    if (session == 'd') batch.connections[1].endpoint = "bad";
    REQUIRE(store->Submit(batch, [&told = verdicts[session]](StoreVerdict verdict) { told.set_value(verdict); }));
  }
  other.Run("COMMIT");
  for (auto& [session, verdict] : verdicts) {
    CAPTURE(session);
    CHECK(verdict.get_future().get() == (session == 'd' ? StoreVerdict::kUnavailable : StoreVerdict::kAccepted));
  }
  CHECK(store->Health().ready);
  CHECK(Ask().connections == 10);
  CHECK(Count("SELECT count(*) FROM connections") == 10);
  CHECK(Count("SELECT count(*) FROM sessions") == 5);
  CHECK(Count("SELECT sum(count) FROM counts WHERE facet = 0 AND hours = 24 AND kind = 0") == 10);
}

TEST_CASE_FIXTURE(SqliteFixture, "what a session may contribute is counted over all of its batches") {
  Batch batch = Make('a');
  batch.close_totals = {{"", WHYDROP_CAUSE_CLIENT_CRASH, 99998, 0}};
  batch.connections = {Record(1), Record(1)};  // one and the same
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  batch = Make('a', 1);
  batch.connections = {Record(2), Record(3)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  CHECK(metrics.Get(Counter::kRecordsOverLimit) == 1);
  batch = Make('a', 2);
  batch.connections = {Record(4)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  CHECK(metrics.Get(Counter::kRecordsOverLimit) == 2);
  CHECK(Ask().connections == 100000);
}

TEST_CASE_FIXTURE(SqliteFixture,
                  "players who heard nothing of a silent server tell that its machine is gone, in one batch too") {
  Batch server = MakeServer('s', 'm', 'b');
  server.connections = {OpenRecord(1, Id('t')), OpenRecord(2, Id('u'))};
  CHECK(Post(server) == StoreVerdict::kAccepted);
  now += 10;
  // The writer looks for what time changed when it has answered, so before the second answer.
  CHECK(Post(Make('x')) == StoreVerdict::kAccepted);
  CHECK(Post(Make('y')) == StoreVerdict::kAccepted);
  REQUIRE(Count("SELECT replaced FROM sessions WHERE role = 1") == static_cast<int64_t>(Replaced::kSilent));
  Batch client = Make('c');
  const std::string_view unanswered("\x08\x08\x18\x05\x20\x01\x48\x01\xb0\x03\xe8\x07", 12);  // its keepalive
  client.connections = {Record(1, Id('t'), unanswered), Record(2, Id('u'), unanswered)};
  CHECK(Post(client) == StoreVerdict::kAccepted);
  CHECK(Count("SELECT replaced FROM sessions WHERE role = 1") == static_cast<int64_t>(Replaced::kHost));
}

TEST_CASE_FIXTURE(SqliteFixture, "batches that wait share a transaction") {
  constexpr int kBatches = 300;
  Database other(Path());
  other.Run("BEGIN IMMEDIATE");
  std::vector<std::promise<StoreVerdict>> verdicts(kBatches);
  for (int i = 0; i < kBatches; ++i) {
    Batch batch = Make('a', static_cast<uint32_t>(i));
    for (uint32_t n = 1; n <= 20; ++n) batch.connections.push_back(Record(static_cast<uint32_t>(i) * 20 + n));
    REQUIRE(store->Submit(
        batch, [&told = verdicts[static_cast<size_t>(i)]](StoreVerdict verdict) { told.set_value(verdict); }));
  }
  other.Run("COMMIT");
  for (auto& verdict : verdicts) CHECK(verdict.get_future().get() == StoreVerdict::kAccepted);
  CHECK(metrics.Get(Counter::kCommits) <= 3);
  CHECK(Ask().connections == kBatches * 20);
  CHECK(Count("SELECT count(*) FROM connections") == kBatches * 20);
  CHECK(Count("SELECT sum(count) FROM counts WHERE facet = 0 AND hours = 24 AND kind = 0") == kBatches * 20);
}

TEST_CASE_FIXTURE(SqliteFixture, "batches wait up to a number of records, not only of batches") {
  Batch large = Make('a');
  for (uint32_t number = 1; number <= 4096; ++number) large.connections.push_back(Record(number));
  Database other(Path());
  other.Run("BEGIN IMMEDIATE");
  int refused = 0;
  for (uint32_t rotation = 0; rotation < 60; ++rotation) {
    Batch copy = large;
    copy.key.rotation = rotation;
    if (!store->Submit(std::move(copy), [](StoreVerdict) {})) ++refused;
  }
  other.Run("ROLLBACK");
  CHECK(refused > 0);
  store->Stop();
}

TEST_CASE_FIXTURE(SqliteFixture, "a store of a newer version, a strange file and no SQLite file are refused by name") {
  const auto refused = [this](const std::string& path, const std::string& word) {
    try {
      OpenStore(
          "sqlite:" + path, [this] { return now.load(); }, &metrics);
    } catch (const StoreError& error) {
      const std::string said = error.what();
      CAPTURE(said);
      CHECK(said.find(path) != std::string::npos);
      CHECK(said.find(word) != std::string::npos);
      return true;
    }
    return false;
  };
  store.reset();
  Database(Path()).Run("PRAGMA user_version = 99");
  CHECK(refused(Path(), "99"));
  Database(Path()).Run("PRAGMA user_version = -1");
  CHECK(refused(Path(), "-1"));
  const std::string strange = Path() + ".strange";
  Database(strange).Run("CREATE TABLE bookmarks (url TEXT)");
  CHECK(refused(strange, "no whydrop store"));
  CHECK(refused("/etc/passwd", "not a database"));
}

TEST_CASE_FIXTURE(SqliteFixture,
                  "the times of a batch are placed by receipt minus age, whatever the sender's clock says") {
  Options options;
  Ingest ingest(
      options, store.get(), [this] { return now.load(); }, &metrics);
  v1::Batch message;
  message.mutable_id()->set_session_id(Id('a'));
  message.mutable_session()->set_app_id("game");
  message.mutable_session()->set_app_version("1.0");
  message.mutable_session()->set_uptime_ms(7200000);
  message.set_reference_ms(7200000);
  auto* connection = message.add_connections();
  connection->set_number(1);
  connection->set_token_hash(Id('t'));
  connection->mutable_evidence()->set_closed_locally(true);
  connection->mutable_evidence()->set_ended_ms(3600000);
  HttpRequest request;
  request.method = "POST";
  request.path = "/v1/batches";
  request.peer = "127.0.0.1";
  request.content_type = "application/x-protobuf";
  request.age = "86400";
  request.body = message.SerializeAsString();
  std::promise<HttpResponse> response;
  ingest.Handle(request, [&response](HttpResponse got) { response.set_value(std::move(got)); });
  CHECK(response.get_future().get().status == 200);
  CHECK(Count("SELECT ended_s FROM sessions") == now - 86400);
  CHECK(Count("SELECT at_s FROM records") == now - 86400 - 3600);
  CHECK(Count("SELECT at_s FROM connections") == now - 86400 - 3600);
}

TEST_CASE_FIXTURE(SqliteFixture, "a batch that comes again is a duplicate, and one with other bytes a conflict") {
  Batch batch = Make('a');
  batch.connections = {Record(1)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  CHECK(Post(batch) == StoreVerdict::kDuplicate);
  batch.sha256[1] = 1;
  CHECK(Post(batch) == StoreVerdict::kConflict);
  CHECK(Ask().connections == 1);
}

TEST_CASE_FIXTURE(SqliteFixture, "who only reads neither creates a store nor migrates one") {
  StoreSettings settings;
  settings.access = StoreAccess::kRead;
  const auto open = [&](const std::string& path) {
    return OpenStore(
        "sqlite:" + path, [this] { return now.load(); }, &metrics, settings);
  };
  CHECK_THROWS_AS(open(Path() + ".missing"), StoreError);
  CHECK_FALSE(std::filesystem::exists(Path() + ".missing"));
  Database(Path()).Run("PRAGMA user_version = 2");
  CHECK_THROWS_AS(open(Path()), StoreError);
  CHECK(Count("PRAGMA user_version") == 2);
}

TEST_CASE_FIXTURE(SqliteFixture,
                  "a backup taken while batches arrive opens as a store and holds what was acknowledged before") {
  for (int i = 0; i < 20; ++i) {
    Batch batch = Make(static_cast<char>('a' + i));
    batch.connections = {Record(1, Id(static_cast<char>('A' + i)))};
    CHECK(Post(batch) == StoreVerdict::kAccepted);
  }
  std::atomic<bool> stop{false};
  std::thread sender([this, &stop] {
    for (uint32_t rotation = 1; !stop; ++rotation) {
      std::promise<void> done;
      if (store->Submit(Make('z', rotation), [&done](StoreVerdict) { done.set_value(); })) done.get_future().wait();
    }
  });
  const std::string copy = where.directory() + "/copy.db";
  store->Backup(copy);
  stop = true;
  sender.join();
  CHECK_THROWS_AS(store->Backup(copy), StoreError);
  CHECK_THROWS_AS(store->Backup("/nowhere/copy.db"), StoreError);
  const std::unique_ptr<Store> opened = OpenStore(
      "sqlite:" + copy, [this] { return now.load(); }, &metrics);
  CHECK(opened->QueryAttribution({{}, {"cause"}, std::nullopt}).connections == 20);
}

TEST_CASE_FIXTURE(SqliteFixture, "a store that cannot be written says so, and finds out itself when it can again") {
  Database(Path()).Run(
      "CREATE TRIGGER full BEFORE INSERT ON batches BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END");
  // Asked before the store tries again by itself, which this trigger does not keep from succeeding.
  std::promise<std::pair<StoreVerdict, StoreHealth>> told;
  REQUIRE(store->Submit(Make('a'), [&](StoreVerdict verdict) { told.set_value({verdict, store->Health()}); }));
  const auto [verdict, health] = told.get_future().get();
  CHECK(verdict == StoreVerdict::kUnavailable);
  CHECK_FALSE(health.ready);
  CHECK(health.why_not.find("disk is full") != std::string::npos);
  Database(Path()).Run("DROP TRIGGER full");
  for (int i = 0; i < 1000 && !store->Health().ready; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(store->Health().ready);
  CHECK(Post(Make('a')) == StoreVerdict::kAccepted);
}

TEST_CASE_FIXTURE(SqliteFixture, "however many long questions are asked, a batch is stored meanwhile") {
  Batch batch = Make('a');
  batch.connections = {Record(1)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  std::atomic<int> asking{0};
  std::vector<std::thread> questions;
  for (int i = 0; i < 8; ++i) {
    questions.emplace_back([&] {
      store->VisitConnections({}, [&](const ConnectionRow&) {
        ++asking;
        ended.wait();
        return true;
      });
    });
  }
  while (asking < 4) std::this_thread::yield();
  std::promise<StoreVerdict> verdict;
  REQUIRE(store->Submit(Make('b'), [&verdict](StoreVerdict got) { verdict.set_value(got); }));
  std::future<StoreVerdict> stored = verdict.get_future();
  CHECK(stored.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
  CHECK(store->Health().newest_report_s == now);
  end.set_value();
  for (std::thread& question : questions) question.join();
}

TEST_CASE_FIXTURE(SqliteFixture, "a question that takes too long is given up, and so are those under way at the end") {
  const auto ask_without_end = [](const Database& db) {
    Statement endless(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
    return endless.Step();
  };
  ReadPool limited(Path(), 1, std::chrono::seconds(1));
  CHECK_THROWS_WITH_AS(limited.Ask(ask_without_end),
                       "the question took longer than 1 s: ask for a shorter time, or for less at once",
                       QuestionGivenUp);
  const auto ask_little = [](const Database& db) {
    Statement little(db, "SELECT 7");
    return little.Step() ? little.IntAt(0) : 0;
  };
  CHECK(limited.Ask(ask_little) == 7);

  ReadPool unlimited(Path(), 1, std::chrono::seconds(0));
  std::promise<void> begun;
  auto ended = std::async(std::launch::async, [&] {
    unlimited.Ask([&](const Database& db) {
      begun.set_value();
      return ask_without_end(db);
    });
  });
  begun.get_future().wait();
  unlimited.Stop();
  CHECK_THROWS_WITH_AS(ended.get(), "the collector is stopping", QuestionGivenUp);
  CHECK(unlimited.Ask(ask_little) == 7);
}
