// The patience of a real engine.
#include <chrono>

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

TEST_CASE_FIXTURE(StoreFixture, "a question that takes longer than it may is given up, and the engine with it") {
  StoreSettings limited;
  limited.access = StoreAccess::kRead;
  limited.question_limit_s = 1;
  const auto reader = OpenAnother(limited);
  CHECK(reader->ListApps().empty());
  store.reset();
  const clickhouse::Settings settings = ParseUrl(where.url().substr(where.url().find(':') + 1));
  Node node(settings.nodes[0], settings);
  // Labels without end, one block of them in a tenth of a second.
  const std::string labels = Local(settings, "labels");
  node.Ask("DROP TABLE " + labels);
  node.Ask("CREATE VIEW " + labels +
           " AS SELECT 'a' AS app_id, 'app' AS dimension, toString(sleep(0.1)) AS value FROM system.numbers");
  const auto started = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH_AS(reader->ListApps(),
                       "the question took longer than 1 s: ask for a shorter time, or for less at once",
                       QuestionGivenUp);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  // Soon the engine works on nothing but this very question.
  const std::string working = "SELECT count() FROM system.processes WHERE query LIKE '%" + labels + "%' FORMAT CSV";
  while (node.Ask(working) != "1\n") REQUIRE(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  node.Ask("DROP TABLE " + labels);
}
