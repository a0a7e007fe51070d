// The patience of a real engine.
#include <chrono>
#include <future>

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

// A store whose labels have no end: one block of them comes in a tenth of a second.
class EndlessFixture : public StoreFixture {
 public:
  std::unique_ptr<Store> OpenReader(uint32_t question_limit_s) {
    StoreSettings limited;
    limited.access = StoreAccess::kRead;
    limited.question_limit_s = question_limit_s;
    auto reader = OpenAnother(limited);
    CHECK(reader->ListApps().empty());
    store.reset();
    node.Ask("DROP TABLE " + labels);
    node.Ask("CREATE VIEW " + labels +
             " AS SELECT 'a' AS app_id, 'app' AS dimension, toString(sleep(0.1)) AS value FROM system.numbers");
    return reader;
  }
  ~EndlessFixture() {
    // The engine does not see that nobody waits any more, and drops no table that is being read.
    node.Ask("KILL QUERY WHERE query LIKE '%" + labels + "%' AND query NOT LIKE '%LIKE%' SYNC");
    node.Ask("DROP TABLE " + labels);
  }

  bool EngineWorks() {
    return node.Ask("SELECT count() FROM system.processes WHERE query LIKE '%" + labels + "%' FORMAT CSV") != "1\n";
  }

  const clickhouse::Settings settings = ParseUrl(where.url().substr(where.url().find(':') + 1));
  const std::string labels = Local(settings, "labels");
  Node node{settings.nodes[0], settings};
};

}  // namespace

TEST_CASE_FIXTURE(EndlessFixture, "a question that takes longer than it may is given up, and the engine with it") {
  const auto reader = OpenReader(1);
  const auto started = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH_AS(reader->ListApps(),
                       "the question took longer than 1 s: ask for a shorter time, or for less at once",
                       QuestionGivenUp);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  // Soon the engine works on nothing but the question whether it works.
  while (EngineWorks()) REQUIRE(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
}

TEST_CASE_FIXTURE(EndlessFixture, "a question that would take for ever is given up when the store stops") {
  const auto reader = OpenReader(0);
  auto answer = std::async(std::launch::async, [&reader] { return reader->ListApps(); });
  const auto started = std::chrono::steady_clock::now();
  while (!EngineWorks()) REQUIRE(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  reader->Stop();
  CHECK_THROWS_WITH_AS(answer.get(), "the collector is stopping", QuestionGivenUp);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(100));
}
