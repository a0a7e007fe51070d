#include "samples/collector/ingest/quota.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using namespace whydrop::collector;

namespace {

constexpr int64_t kNoon = 20000 * 86400 + 43200;

SessionInfo Of(const char* app_id, Role role = Role::kClient) {
  SessionInfo session;
  session.app_id = app_id;
  session.role = role;
  return session;
}

}  // namespace

TEST_CASE("a quota of a second lets a burst of two seconds through and then its rate") {
  QuotaBook quotas({{"game", {{3, QuotaPeriod::kSecond}}}}, {});
  for (int i = 0; i < 6; ++i) CHECK(quotas.Take(Of("game"), kNoon, 1000) == 0);
  CHECK(quotas.Take(Of("game"), kNoon, 1000) == 1);
  for (int i = 0; i < 3; ++i) CHECK(quotas.Take(Of("game"), kNoon + 1, 2000) == 0);
  CHECK(quotas.Take(Of("game"), kNoon + 1, 2000) == 1);
}

TEST_CASE("a quota of a day says how long it is until midnight UTC, and begins anew there") {
  QuotaBook quotas({{"game", {{2, QuotaPeriod::kDay}}}}, {});
  CHECK(quotas.Take(Of("game"), kNoon, 0) == 0);
  CHECK(quotas.Take(Of("game"), kNoon, 0) == 0);
  CHECK(quotas.Take(Of("game"), kNoon, 0) == 43200);
  CHECK(quotas.Take(Of("game"), kNoon + 43200, 0) == 0);
}

TEST_CASE("apps and roles have quotas of their own, and who has none is not limited") {
  QuotaBook quotas({{"game", {{1, QuotaPeriod::kDay}}}}, {{"game", {{1, QuotaPeriod::kDay}}}});
  CHECK(quotas.Take(Of("game"), kNoon, 0) == 0);
  CHECK(quotas.Take(Of("game", Role::kServer), kNoon, 0) == 0);
  CHECK(quotas.Take(Of("game"), kNoon, 0) != 0);
  CHECK(quotas.Take(Of("game", Role::kServer), kNoon, 0) != 0);
  for (int i = 0; i < 100; ++i) CHECK(quotas.Take(Of("other"), kNoon, 0) == 0);
}

TEST_CASE("two quotas of one app both hold") {
  QuotaBook quotas({{"game", {{1, QuotaPeriod::kSecond}, {3, QuotaPeriod::kDay}}}}, {});
  CHECK(quotas.Take(Of("game"), kNoon, 0) == 0);
  CHECK(quotas.Take(Of("game"), kNoon, 0) == 0);
  CHECK(quotas.Take(Of("game"), kNoon, 0) == 1);
  CHECK(quotas.Take(Of("game"), kNoon + 1, 1000) == 0);
  CHECK(quotas.Take(Of("game"), kNoon + 2, 2000) == 43198);
}

TEST_CASE("what the quota of a second refuses is not counted against the day, in whichever order they stand") {
  for (const bool day_first : {true, false}) {
    std::vector<Quota> of_app = {{1, QuotaPeriod::kSecond}, {3, QuotaPeriod::kDay}};
    if (day_first) std::swap(of_app[0], of_app[1]);
    QuotaBook quotas({{"game", of_app}}, {});
    for (int i = 0; i < 100; ++i) quotas.Take(Of("game"), kNoon, 0);
    CHECK(quotas.Take(Of("game"), kNoon + 1, 1000) == 0);
    CHECK(quotas.Take(Of("game"), kNoon + 2, 2000) == 43198);
  }
}
