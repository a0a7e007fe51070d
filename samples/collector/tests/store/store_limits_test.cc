// What one sender makes up is not told apart without end.
#include <set>

#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;

namespace {

class LimitsFixture : public StoreFixture {
 public:
  std::set<std::string> Values(const std::string& group_by) {
    std::set<std::string> values;
    for (const AttributionGroup& group : Ask(group_by).groups) values.insert(group.values[0]);
    return values;
  }
};

}  // namespace

TEST_CASE_FIXTURE(LimitsFixture, "error numbers that servers make up are told apart up to a limit") {
  Batch server = MakeServer('s', 'm', 'b');
  for (uint32_t number = 1; number <= 250; ++number) {
    const uint32_t made_up = 5000 + number;
    // error_kind (1), os_error (2), established (9), ended_ms (54).
    std::string evidence("\x08\x01\x10__\x48\x01\xb0\x03\xe8\x07", 11);
    evidence[3] = static_cast<char>((made_up & 0x7f) | 0x80);
    evidence[4] = static_cast<char>(made_up >> 7);
    std::string token = Id('t');
    token[0] = static_cast<char>(number);
    server.connections.push_back(Record(number, token, evidence));
  }
  CHECK(Post(server) == StoreVerdict::kAccepted);
  const std::set<std::string> errors = Values("server_error");
  CHECK(errors.size() == 201);
  CHECK(errors.count("(other)") == 1);
  CHECK(Ask().connections == 250);
  CHECK(metrics.Get(Counter::kLabelsFolded) == 50);
  // They are no labels to choose from.
  CHECK(store->ListLabels("game").empty());
  // Another collector knows what the first one has admitted.
  Open();
  server.key.rotation = 1;
  server.sha256[1] = 1;
  server.connections = {Record(300, Id('u'), {"\x08\x01\x10\xff\x7f\x48\x01\xb0\x03\xe8\x07", 11})};
  CHECK(Post(server) == StoreVerdict::kAccepted);
  CHECK(Values("server_error") == errors);
}

TEST_CASE_FIXTURE(LimitsFixture, "tags beyond the limit are one tag with one value") {
  for (int number = 0; number < 70; ++number) {
    Batch batch = Make('a', static_cast<uint32_t>(number));
    batch.sha256[1] = static_cast<uint8_t>(number);
    batch.key.session_id[1] = static_cast<uint8_t>(number);
    batch.session.tags = {{"key-" + std::to_string(number), "value-" + std::to_string(number)}};
    batch.connections = {Record(1)};
    CHECK(Post(batch) == StoreVerdict::kAccepted);
  }
  CHECK(Values("tag:key-1") == std::set<std::string>{"", "value-1"});
  CHECK(Values("tag:(other)") == std::set<std::string>{"", "(other)"});
  CHECK(metrics.Get(Counter::kLabelsFolded) == 6);
}

TEST_CASE_FIXTURE(LimitsFixture, "a tag without a value is none, and of a key that comes twice the last value holds") {
  Batch batch = Make('a');
  batch.session.tags = {{"empty", ""}, {"gpu", "x"}, {"gpu", "y"}};
  batch.connections = {Record(1)};
  CHECK(Post(batch) == StoreVerdict::kAccepted);
  CHECK(Values("tag:gpu") == std::set<std::string>{"y"});
  AttributionQuery query;
  query.group_by = {"cause"};
  query.tags = {{"empty", ""}};
  CHECK(store->QueryAttribution(query).connections == 0);
}
