// The tables of a real engine as another version of the collector has them, or somebody's hand: what fits is used, and
// nothing is written into what does not.
#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

class SchemaFixture : public StoreFixture {
 public:
  SchemaFixture()
      : settings(ParseUrl(where.url().substr(where.url().find(':') + 1))), node(settings.nodes[0], settings) {}

  std::string Ask(const std::string& sql) { return node.Ask(sql); }
  // "" if it starts.
  std::string WhyNot() {
    store.reset();
    try {
      Open();
      return "";
    } catch (const StoreError& error) {
      return error.what();
    }
  }
  void Alter(const std::string& table, const std::string& change) {
    Ask("ALTER TABLE " + Local(settings, table) + " " + change);
  }
  static bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  clickhouse::Settings settings;
  Node node;
};

}  // namespace

TEST_CASE_FIXTURE(SchemaFixture, "tables are made once, however often that is asked for, and say their version") {
  Post(Make('a'));
  for (int i = 0; i < 3; ++i) ApplySchema(where.url());
  CHECK(Ask("SELECT version, oldest, count() FROM " + Local(settings, "schema") +
            " GROUP BY version, oldest FORMAT CSV") == "1,1,1\n");
  CHECK(Ask("SELECT count() FROM " + Local(settings, "sessions") + " FORMAT CSV") == "1\n");
  const std::string printed = SchemaText(where.url());
  CHECK(Has(printed, "schema (version, oldest) VALUES (1, 1);\n"));
}

TEST_CASE_FIXTURE(SchemaFixture, "tables of a next version with more columns take what this version writes") {
  for (const std::string& table : TableNames())
    Alter(table, "ADD COLUMN later UInt32 DEFAULT 7 AFTER " + ColumnsOf(table)[0].name);
  Ask("INSERT INTO " + Local(settings, "schema") + " (version, oldest) VALUES (2, 1)");
  REQUIRE(WhyNot() == "");
  Batch batch = Make('a');
  batch.connections = {ResetRecord(1, Id('t'))};
  Post(batch);
  Batch server = MakeServer('s', 'm', 'b');
  server.connections = {Record(1, Id('t'))};
  Post(server);
  const Attribution answer = StoreFixture::Ask();
  CHECK(answer.connections == 1);
  CHECK(answer.reported == 1);
  CHECK(Ask("SELECT DISTINCT later FROM " + Local(settings, "counts") + " FORMAT CSV") == "7\n");
}

TEST_CASE_FIXTURE(SchemaFixture, "tables that do not fit keep a collector from starting, and it says what to do") {
  const std::string apply = "`whydrop-collector schema --store URL --apply`";
  Ask("INSERT INTO " + Local(settings, "schema") + " (version, oldest) VALUES (3, 2)");
  CHECK(Has(WhyNot(),
            "they are of version 3 for collectors that know version 2 or a later one, and this collector knows "
            "version 1"));
  CHECK_THROWS_WITH_AS(ApplySchema(where.url()), doctest::Contains("they are of version 3"), StoreError);

  // From before there were versions.
  Ask("DROP TABLE " + Local(settings, "schema"));
  settings.create = false;
  const std::string whole = where.url();
  const std::string plain = whole.substr(0, whole.find("create=1")) + whole.substr(whole.find("create=1") + 9);
  const auto open = [this](const std::string& url) {
    OpenStore(
        url, [this] { return now.load(); }, &metrics);
  };
  CHECK_THROWS_WITH_AS(
      open(plain), doctest::Contains(("version 0, and this collector knows version 1; " + apply).c_str()), StoreError);
  CHECK(WhyNot() == "");

  Alter("verdicts", "DROP COLUMN server_error");
  CHECK(Has(WhyNot(), "'verdicts' has no column 'server_error'"));
  CHECK_THROWS_WITH_AS(ApplySchema(where.url()), doctest::Contains("'verdicts' has no column 'server_error'"),
                       StoreError);
  Alter("verdicts", "ADD COLUMN server_error String AFTER platform");
  CHECK(WhyNot() == "");
  Alter("work", "MODIFY COLUMN done UInt32");
  CHECK(Has(WhyNot(), "'done' in 'work' is UInt32 and not UInt8"));
  Ask("DROP TABLE " + Local(settings, "work"));
  CHECK_THROWS_WITH_AS(open(plain), doctest::Contains(("there is no 'work'; " + apply).c_str()), StoreError);
  CHECK(WhyNot() == "");
  Ask("DROP DATABASE " + settings.database);
  CHECK_THROWS_WITH_AS(open(plain), doctest::Contains(("; " + apply + " makes them").c_str()), StoreError);
  CHECK(WhyNot() == "");
}
