// From when on work is looked for; no engine is asked.
#include <doctest/doctest.h>

#include "samples/collector/store/clickhouse/judging/work_list.h"
#include "samples/collector/store/clickhouse/stamp.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

constexpr int64_t kNowS = 1700000000;
constexpr uint64_t Us(int64_t seconds) { return static_cast<uint64_t>(seconds) * kSecondUs; }

class WorkListFixture {
 public:
  WorkList::Round Begin(int64_t now_s, int64_t sent_since_s = INT64_MAX, WhoseWork whose = WhoseWork::kOwn) {
    return list.Begin(0, Us(now_s), sent_since_s, whose);
  }
  void Reach(int64_t now_s, int64_t until_s, int64_t sent_since_s = INT64_MAX) {
    list.Reached(0, Begin(now_s, sent_since_s), Us(until_s));
  }
  // What others left is looked for when it is time to, so a round may be of either kind.
  static int64_t Look(const WorkList::Round& round, int64_t own_s, int64_t left_s) {
    return static_cast<int64_t>(round.span.from_us / kSecondUs) - (round.whose == WhoseWork::kOwn ? own_s : left_s);
  }

  clickhouse::Settings settings;
  WorkList list{settings, 7, kNowS};
};

}  // namespace

TEST_CASE_FIXTURE(WorkListFixture,
                  "the first round looks for what others left in three days, the next not so far back") {
  const WorkList::Round first = Begin(kNowS);
  CHECK(first.whose == WhoseWork::kOwnAndLeft);
  CHECK(first.span.from_us == Us(kNowS - 3 * 86400));
  CHECK(first.span.to_us == Us(kNowS));
  list.Reached(0, first, Us(kNowS));
  CHECK(Look(Begin(kNowS), kNowS - 10, kNowS - 120) == 0);
  // Another shard was not looked at.
  CHECK(list.Begin(1, Us(kNowS), INT64_MAX, WhoseWork::kOwn).span.from_us == first.span.from_us);
}

TEST_CASE_FIXTURE(WorkListFixture, "a round that ends before it is through is gone on with where it ended") {
  Reach(kNowS, kNowS - 1000);
  CHECK(Look(Begin(kNowS), kNowS - 1010, kNowS - 1120) == 0);
}

TEST_CASE_FIXTURE(WorkListFixture, "rows that were sent late are looked for, until a round has reached them") {
  Reach(kNowS, kNowS);
  CHECK(Look(Begin(kNowS, kNowS - 50), kNowS - 50, kNowS - 120) == 0);
  CHECK(Look(Begin(kNowS), kNowS - 50, kNowS - 120) == 0);
  Reach(kNowS, kNowS);
  CHECK(Look(Begin(kNowS), kNowS - 10, kNowS - 120) == 0);
}

TEST_CASE_FIXTURE(WorkListFixture,
                  "rows so late that they may be of a collector that is gone are looked for whosever they are") {
  Reach(kNowS, kNowS);
  for (int i = 0; i < 3; ++i) {
    const WorkList::Round round = Begin(kNowS, kNowS - 500);
    CHECK(round.whose == WhoseWork::kOwnAndLeft);
    CHECK(round.span.from_us == Us(kNowS - 500));
  }
}

TEST_CASE_FIXTURE(WorkListFixture, "all work is looked for from the beginning, and that is a round like others") {
  const WorkList::Round all = Begin(kNowS, INT64_MAX, WhoseWork::kAll);
  CHECK(all.whose == WhoseWork::kAll);
  CHECK(all.span.from_us == 0);
  list.Reached(0, all, Us(kNowS));
  CHECK(Look(Begin(kNowS), kNowS - 10, kNowS - 120) == 0);
}

TEST_CASE_FIXTURE(WorkListFixture, "a clock that was set back hides no work") {
  Reach(kNowS, kNowS);
  CHECK(Look(Begin(kNowS - 3600), kNowS - 3610, kNowS - 3720) == 0);
}

TEST_CASE_FIXTURE(WorkListFixture, "what others left waits until a round for it has reached its end") {
  const WorkList::Round round = Begin(kNowS);
  REQUIRE(round.whose == WhoseWork::kOwnAndLeft);
  CHECK(list.LeftWaits(0));
  list.Reached(0, round, Us(kNowS - 1));
  CHECK(list.LeftWaits(0));
  list.Reached(0, round, Us(kNowS));
  CHECK_FALSE(list.LeftWaits(0));
  // Old rows of whomever.
  Begin(kNowS, kNowS - 500);
  CHECK(list.LeftWaits(0));
}
