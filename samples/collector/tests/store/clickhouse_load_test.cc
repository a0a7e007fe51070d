// A collector under more load than it can judge at once.
#include <chrono>
#include <thread>

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

using Clock = std::chrono::steady_clock;

// Every batch fills a block, so for a minute after each the load counts as heavy.
class LoadFixture : public StoreFixture {
 public:
  LoadFixture() : settings(ParseUrl(where.url().substr(where.url().find(':') + 1))), node(settings.nodes[0], settings) {
    store.reset();
    store = OpenStore(
        where.url() + "&block_rows=1&block_ms=60000", [this] { return now.load(); }, &metrics, {});
  }
  std::string Count(const std::string& what) { return node.Ask("SELECT " + what + " FORMAT CSV"); }
  bool WaitFor(const std::string& what, const std::string& answer) {
    const auto until = Clock::now() + std::chrono::seconds(60);
    while (Count(what) != answer) {
      if (Clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }

  clickhouse::Settings settings;
  Node node;
};

}  // namespace

TEST_CASE_FIXTURE(LoadFixture, "rows come first while they come fast, until answers are half a minute behind") {
  for (const char session : {'a', 'b', 'c'}) {
    Batch batch = Make(session);
    batch.connections = {Record(1, Id(session))};
    REQUIRE(store->Submit(batch, [](StoreVerdict) {}));
  }
  const std::string records = "uniqExact(row_id) FROM " + Local(settings, "records");
  const std::string verdicts = "uniqExact(row_id) FROM " + Local(settings, "verdicts");
  REQUIRE(WaitFor(records, "6\n"));  // sessions too
  // Some rounds.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  CHECK(Count(verdicts) == "0\n");
  CHECK(store->Health().complete_until_s < now);
  now += 31;
  CHECK(WaitFor(verdicts, "6\n"));
  store->Settle();
  CHECK(store->Health().complete_until_s >= now);
  CHECK(Ask().connections == 3);
}
