#include "samples/collector/http/rate_limit.h"

#include <doctest/doctest.h>

#include "samples/collector/http/address.h"

using namespace whydrop::collector;

namespace {

int TakeAll(RateLimit* limit, const std::string& sender, uint64_t now_ms) {
  int taken = 0;
  while (limit->Take(sender, now_ms)) ++taken;
  return taken;
}

}  // namespace

TEST_CASE("a sender gets twice its rate at once and its rate later") {
  RateLimit limit(10);
  CHECK(TakeAll(&limit, "a", 1000) == 20);
  CHECK(TakeAll(&limit, "b", 1000) == 20);
  CHECK(TakeAll(&limit, "a", 1500) == 5);
  CHECK(TakeAll(&limit, "a", 999999999) == 20);
}

TEST_CASE("a request that took its time before another one fills no bucket") {
  RateLimit limit(10);
  CHECK(TakeAll(&limit, "a", 1000) == 20);
  CHECK_FALSE(limit.Take("a", 999));
  CHECK_FALSE(limit.Take("a", 1000));
}

TEST_CASE("a network of IPv6 addresses is one sender") {
  CHECK(SenderGroup("2001:db8:1:2:3:4:5:6") == SenderGroup("2001:db8:1:2::9"));
  CHECK(SenderGroup("2001:db8:1:2::9") != SenderGroup("2001:db8:1:3::9"));
  CHECK(SenderGroup("10.0.0.1") != SenderGroup("10.0.0.2"));
  CHECK(SenderGroup("::ffff:10.0.0.1") == SenderGroup("10.0.0.1"));
}
