// Connections of one session that have to do with each other, in whatever batches they come.
#include <map>

#include "samples/collector/tests/store/store_fixture.h"

using namespace whydrop;
using namespace whydrop::collector;

namespace {

class LinksFixture : public StoreFixture {
 public:
  static ConnectionRecord After(uint32_t previous, ConnectionRecord record) {
    record.previous = previous;
    return record;
  }

  // Reset at 1,000 ms with nothing left to send, so that who refuses the next attempt tells what happened.
  static ConnectionRecord Reset(uint32_t number, const std::string& token_hash) {
    return Record(number, token_hash,
                  {"\x08\x01\x10\x68\x18\x05\x20\x01\x48\x01\x68\x00\xa8\x03\xe8\x07\xb0\x03\xe8\x07", 20});
  }
  // Refused at 1,200 ms.
  static ConnectionRecord Refused(uint32_t number) { return Record(number, "", {"\x08\x09\xa8\x03\xb0\x09", 6}); }

  void PostPart(uint32_t rotation, uint32_t part, std::vector<ConnectionRecord> connections) {
    Batch batch = Make('a', rotation, part);
    batch.parts = 2;
    batch.connections = std::move(connections);
    CHECK(Post(batch) == StoreVerdict::kAccepted);
  }

  std::map<std::string, uint64_t> Outcomes() {
    std::map<std::string, uint64_t> outcomes;
    for (const AttributionGroup& group : Ask("outcome").groups) outcomes[group.values[0]] = group.connections;
    return outcomes;
  }
};

}  // namespace

TEST_CASE_FIXTURE(LinksFixture, "a connection is recovered by the one that followed it, whichever arrives first") {
  PostPart(0, 0, {After(1, Record(2, Id('B')))});
  PostPart(1, 0, {ResetRecord(1, Id('A')), After(3, Record(4, Id('D'))), ResetRecord(3, Id('C'))});
  CHECK(Outcomes() == std::map<std::string, uint64_t>{{"clean", 2}, {"recovered", 2}});
}

TEST_CASE_FIXTURE(LinksFixture, "a connection that was judged before its reconnect arrives is judged again") {
  PostPart(0, 0, {ResetRecord(1, Id('A')), ResetRecord(2, ""), ResetRecord(3, Id('C'))});
  CHECK(Outcomes() == std::map<std::string, uint64_t>{{"dropped", 3}});
  PostPart(0, 1, {After(1, Record(4, Id('D'))), After(2, Record(5)), After(3, OpenRecord(6))});
  CHECK(Outcomes()["recovered"] == 3);
  const auto found = store->FindConnections("game", Id('A'));
  REQUIRE(found.size() == 1);
  CHECK(found[0].joined.verdict.outcome == Outcome::kRecovered);
}

TEST_CASE_FIXTURE(LinksFixture, "of several records with one number in a batch the first that tells an end holds") {
  PostPart(0, 0, {OpenRecord(1, Id('A')), ResetRecord(1, Id('B')), Record(1, Id('C'))});
  CHECK(Outcomes() == std::map<std::string, uint64_t>{{"dropped", 1}});
  CHECK(store->FindConnections("game", Id('B')).size() == 1);
  CHECK(store->FindConnections("game", Id('C')).empty());
}

TEST_CASE_FIXTURE(LinksFixture, "a reconnect of another session, and one of nothing, recover nobody") {
  PostPart(0, 0, {ResetRecord(1, Id('A'))});
  Batch other = Make('b');
  other.connections = {After(1, Record(2, Id('B')))};
  CHECK(Post(other) == StoreVerdict::kAccepted);
  PostPart(0, 1, {After(7, Record(8, Id('H'))), After(9, Record(9, Id('I')))});
  CHECK(Outcomes() == std::map<std::string, uint64_t>{{"clean", 3}, {"dropped", 1}});
}

TEST_CASE_FIXTURE(LinksFixture, "an attempt in another batch that was refused says what became of the server") {
  PostPart(0, 0, {Reset(1, Id('A'))});
  CHECK(Cause(Id('A')) != "server_died");
  PostPart(0, 1, {After(1, Refused(2))});
  CHECK(Cause(Id('A')) == "server_died");
  CHECK(Outcomes().count("recovered") == 0);
  // Of several attempts the first one tells, and whatever came of it the next one recovers.
  PostPart(1, 0, {After(1, Record(3, Id('C')))});
  CHECK(Cause(Id('A')) == "server_died");
  CHECK(Outcomes()["recovered"] == 1);
}
