#include "samples/collector/http/connection_set.h"

#include <doctest/doctest.h>

using namespace whydrop::collector;

namespace {

// One that nobody stops.
class Peer : public OpenConnection {
 public:
  void StopSoon() override {}
  std::shared_ptr<OpenConnection> Self() override { return nullptr; }
};

constexpr size_t kBody = kMaxBodyBytes;

}  // namespace

TEST_CASE("an address has the same part of the memory for bodies as of the connections") {
  ConnectionSet set({10, 5, {}, 8 * kBody});
  Peer peers[3];
  REQUIRE(set.Add(&peers[0], "192.0.2.1"));
  REQUIRE(set.Add(&peers[1], "192.0.2.1"));
  REQUIRE(set.Add(&peers[2], "192.0.2.2"));
  CHECK(set.TakeBody(&peers[0], 3 * kBody));
  CHECK(set.TakeBody(&peers[1], kBody));
  CHECK_FALSE(set.TakeBody(&peers[1], 1));
  CHECK(set.TakeBody(&peers[2], 4 * kBody));
  CHECK(set.body_bytes() == 8 * kBody);
  set.GiveBodyBack(&peers[0]);
  CHECK(set.TakeBody(&peers[1], 3 * kBody));
  CHECK_FALSE(set.TakeBody(&peers[0], 1));
}

TEST_CASE("one body of the largest size fits for every address") {
  ConnectionSet set({10, 1, {}, 2 * kBody});
  Peer peers[3];
  for (Peer& peer : peers) REQUIRE(set.Add(&peer, "192.0.2." + std::to_string(&peer - peers)));
  CHECK_FALSE(set.TakeBody(&peers[0], kBody + 1));
  CHECK(set.TakeBody(&peers[0], kBody));
  CHECK(set.TakeBody(&peers[1], kBody));
  CHECK_FALSE(set.TakeBody(&peers[2], 1));
}

TEST_CASE("a connection that is removed leaves its memory to others") {
  for (const size_t per_address : {size_t{0}, size_t{1}}) {
    ConnectionSet set({2, per_address, {}, kBody});
    Peer gone, next;
    REQUIRE(set.Add(&gone, "192.0.2.1"));
    CHECK(set.TakeBody(&gone, kBody));
    set.Remove(&gone);
    CHECK(set.body_bytes() == 0);
    REQUIRE(set.Add(&next, "192.0.2.1"));
    CHECK(set.TakeBody(&next, kBody));
    set.Remove(&next);
  }
}

TEST_CASE("a proxy may have the memory for all whom it speaks for") {
  Cidr proxy;
  REQUIRE(Cidr::Parse("192.0.2.0/24", &proxy));
  ConnectionSet set({100, 1, {proxy}, 100 * kBody});
  Peer peers[2];
  for (Peer& peer : peers) REQUIRE(set.Add(&peer, "192.0.2.1"));
  CHECK(set.TakeBody(&peers[0], 60 * kBody));
  CHECK(set.TakeBody(&peers[1], 40 * kBody));
  CHECK_FALSE(set.TakeBody(&peers[1], 1));
}
