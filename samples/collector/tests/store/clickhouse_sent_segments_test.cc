// How long what is in the engine stays in the spool too; no engine is asked.
#include <doctest/doctest.h>

#include <filesystem>

#include "samples/collector/store/clickhouse/spool/sent_segments.h"
#include "samples/collector/tests/store/spool_rows.h"
#include "tests/support/test_directory.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

class SentSegmentsFixture {
 public:
  explicit SentSegmentsFixture(const std::string& options = "")
      : cluster(ParseUrl("http://127.0.0.1:1/drops" + options)),
        spool(directory.path(), 1000, &metrics, &found),
        delivery(&cluster, &spool, 7, &stamps, &metrics),
        sent(&cluster, &spool, &delivery) {}

  Segment Send(size_t bytes) {
    spool.Append({Rows(std::string(bytes, 'x'))});
    Segment segment = spool.Close();
    sent.Add(segment, 0);
    return segment;
  }
  void LookAfter() {
    sent.LookAfter(1700000000, [] { return false; });
  }
  static bool IsThere(const Segment& segment) { return std::filesystem::exists(segment.path); }

  const TestDirectory directory;
  Cluster cluster;
  Metrics metrics;
  Stamps stamps;
  std::vector<Segment> found;
  Spool spool;
  Delivery delivery;
  SentSegments sent;
};

// Of a cluster that has told no shard yet, so that there is no second node to wait for.
class ReplicatedFixture : public SentSegmentsFixture {
 public:
  ReplicatedFixture() : SentSegmentsFixture("?cluster=c") {}
};

template <typename Fixture>
void CheckKeptUntilJudged(Fixture* of) {
  const Segment first = of->Send(10), second = of->Send(10);
  of->LookAfter();
  CHECK(of->IsThere(first));
  CHECK(of->sent.OldestS() == 1700000000);
  of->sent.Judged(1);
  of->LookAfter();
  CHECK_FALSE(of->IsThere(first));
  CHECK(of->IsThere(second));
  CHECK(of->spool.bytes() == second.bytes);
  of->sent.Judged(2);
  of->LookAfter();
  CHECK_FALSE(of->IsThere(second));
  CHECK(of->spool.bytes() == 0);
  CHECK(of->sent.OldestS() == INT64_MAX);
  CHECK(of->sent.count() == 2);
}

template <typename Fixture>
void CheckRememberedWithoutItsFile(Fixture* of) {
  const Segment first = of->Send(300);
  CHECK(of->IsThere(first));
  const Segment second = of->Send(300);
  CHECK_FALSE(of->IsThere(first));
  CHECK(of->IsThere(second));
  of->LookAfter();
  CHECK(of->sent.OldestS() == 1700000000);
  CHECK(of->spool.bytes() == second.bytes);
  of->sent.Judged(1);
  of->LookAfter();
  CHECK(of->IsThere(second));
  of->sent.Judged(of->sent.count());
  of->LookAfter();
  CHECK(of->sent.OldestS() == INT64_MAX);
  CHECK(of->spool.bytes() == 0);
}

}  // namespace

TEST_CASE_FIXTURE(SentSegmentsFixture, "without replicas too a segment stays in the spool until it was judged") {
  CheckKeptUntilJudged(this);
}

TEST_CASE_FIXTURE(ReplicatedFixture, "a segment stays in the spool until it was judged") { CheckKeptUntilJudged(this); }

TEST_CASE_FIXTURE(SentSegmentsFixture, "without replicas too what leaves a spool that fills up is not forgotten") {
  CheckRememberedWithoutItsFile(this);
}

TEST_CASE_FIXTURE(ReplicatedFixture, "what leaves a spool that fills up before it was judged is not forgotten") {
  CheckRememberedWithoutItsFile(this);
}
