// What waits to be judged in a real engine: what is found, and what is made of it.
#include <chrono>
#include <thread>

#include "samples/collector/store/clickhouse/encoding/encoder.h"
#include "samples/collector/store/clickhouse/engine/keys.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/clickhouse/judging/work_list.h"
#include "samples/collector/store/clickhouse/spool/spool.h"
#include "samples/collector/store/clickhouse/stamp.h"
#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

constexpr uint32_t kMine = 7, kOthers = 8;
constexpr int64_t kNowS = 1700000000;
constexpr uint64_t kNowUs = kNowS * kSecondUs;

class JudgingFixture : public StoreFixture {
 public:
  JudgingFixture()
      : settings(ParseUrl(where.url().substr(where.url().find(':') + 1))), node(settings.nodes[0], settings) {}

  std::string Waiting() {
    return node.Ask("SELECT count() FROM " + Local(settings, "work") + " FINAL WHERE done = 0 FORMAT CSV",
                    {{"optimize_move_to_prewhere", "0"}});
  }
  // So many items, one due after the other.
  void PutWork(uint64_t first_us, uint64_t apart_us, uint64_t count, uint32_t owner, int done) {
    node.Ask(InsertInto(settings, "work") + "SELECT toDate(intDiv(due_us, 86400000000)), due_us, 'game', " +
             "toFixedString(toString(due_us), 16), toUInt32(" + std::to_string(owner) + "), toUInt8(" +
             std::to_string(done) + ") FROM (SELECT toUInt64(" + std::to_string(first_us) + " + number * " +
             std::to_string(apart_us) + ") AS due_us FROM system.numbers LIMIT " + std::to_string(count) + ")");
  }

  clickhouse::Settings settings;
  Node node;
};

}  // namespace

TEST_CASE_FIXTURE(JudgingFixture, "a backlog is read in parts that leave nothing out, and what is done is not read") {
  store.reset();
  const uint64_t first_us = kNowUs - 90 * kSecondUs;
  PutWork(first_us, 200, 450000, kMine, 0);
  PutWork(first_us, 400, 225000, kMine, 1);
  WorkList list(settings, kMine, kNowS);
  const WorkList::Round round{WhoseWork::kOwn, {0, kNowUs}};
  const std::vector<WorkSpan> parts = list.Parts(&node, round);
  REQUIRE(parts.size() > 2);
  CHECK(parts.front().from_us == 0);
  CHECK(parts.back().to_us == kNowUs);
  uint64_t next_us = first_us + 200;
  bool in_order = true, in_its_part = true;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i != 0) CHECK(parts[i].from_us == parts[i - 1].to_us);
    for (const WorkItem& item : list.Read(&node, round, parts[i])) {
      in_order &= item.due_us == next_us && item.key.second == std::to_string(next_us);
      in_its_part &= item.due_us >= parts[i].from_us && item.due_us < parts[i].to_us;
      next_us += 400;
    }
  }
  CHECK(in_order);
  CHECK(in_its_part);
  CHECK(next_us == kNowUs + 200);
}

TEST_CASE_FIXTURE(JudgingFixture,
                  "of one second with more work than is read at once the rest is read when that is done") {
  store.reset();
  PutWork(kNowUs, 1, WorkList::kMostItems + 1000, kMine, 0);
  WorkList list(settings, kMine, kNowS);
  const WorkList::Round round{WhoseWork::kOwn, {kNowUs, kNowUs + kSecondUs}};
  const std::vector<WorkSpan> parts = list.Parts(&node, round);
  REQUIRE(parts.size() == 1);
  CHECK(list.Read(&node, round, parts[0]).size() == WorkList::kMostItems);
  PutWork(kNowUs, 1, WorkList::kMostItems, kMine, 1);
  CHECK(list.Read(&node, round, parts[0]).size() == 1000);
}

TEST_CASE_FIXTURE(JudgingFixture, "work of others is left to them for half a minute") {
  store.reset();
  PutWork(kNowUs - 40 * kSecondUs, 1, 1, kOthers, 0);
  PutWork(kNowUs - 20 * kSecondUs, 1, 2, kOthers, 0);
  PutWork(kNowUs - 10 * kSecondUs, 1, 4, kMine, 0);
  WorkList list(settings, kMine, kNowS);
  const auto read = [&](WhoseWork whose) {
    const WorkSpan all{0, kNowUs};
    return list.Read(&node, {whose, all}, all).size();
  };
  CHECK(read(WhoseWork::kOwn) == 4);
  CHECK(read(WhoseWork::kOwnAndLeft) == 5);
  CHECK(read(WhoseWork::kAll) == 7);
}

TEST_CASE_FIXTURE(JudgingFixture, "a verdict that only another report can change is not judged again") {
  Batch server = MakeServer('s', 'm', 'b');
  server.connections = {Record(1, Id('t'))};
  Post(server);
  CHECK(Ask().pending == 1);
  CHECK(Waiting() == "0\n");
  now += kJoinWindowS + 1;
  store->Settle();
  CHECK(Ask().pending == 0);
  // What has come to its end is counted as one, whenever it did.
  CHECK(node.Ask("SELECT max(decided_s) FROM " + Local(settings, "counts") +
                 " WHERE generation IN (SELECT max(generation) FROM " + Local(settings, "counts") + ") FORMAT CSV") ==
        "0\n");
}

TEST_CASE_FIXTURE(JudgingFixture, "a verdict that the end of the wait changes is judged again") {
  Batch client = Make('c');
  client.connections = {ResetRecord(1, Id('t'))};
  Post(client);
  Batch server = MakeServer('s', 'm', 'b');
  server.connections = {OpenRecord(1, Id('t'))};
  Post(server);
  CHECK(Waiting() == "1\n");
  now += kJoinWindowS + 1;
  store->Settle();
  CHECK(Waiting() == "0\n");
}

TEST_CASE_FIXTURE(JudgingFixture,
                  "what a collector that is gone left in the spool is judged before it counts as complete") {
  store.reset();
  {
    std::vector<Segment> found;
    Spool spool(settings.spool, uint64_t{1} << 30, &metrics, &found);
    Stamps stamps;
    Batch batch = Make('c');
    batch.received_unix_s = now - 5;
    batch.connections = {Record(1, Id('t'))};
    SpooledBatch rows;
    REQUIRE(Encoder(kOthers, &stamps, &metrics).Encode(&batch, &rows) == StoreVerdict::kAccepted);
    spool.Append({rows});
    spool.Close();
  }
  Open();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (store->Health().complete_until_s < now - 1 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  REQUIRE(store->Health().complete_until_s >= now - 1);
  CHECK(Waiting() == "0\n");
  CHECK(Ask().connections == 1);
}

TEST_CASE_FIXTURE(JudgingFixture, "links that a sender made a circle of do not keep a round from ending") {
  Batch batch = Make('c');
  batch.parts = 2;
  const auto key = [](uint32_t number) { return KeyOfConnection(Role::kClient, Id('c'), number); };
  batch.connections = {Record(1, key(2)), Record(2, key(1)), Record(3), Record(4)};
  batch.connections[2].previous = 1;
  batch.connections[3].previous = 2;
  Post(batch);
  CHECK(Ask().connections == 4);
}
