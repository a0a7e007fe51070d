#include "samples/collector/admin/host_guard.h"

#include <doctest/doctest.h>

using whydrop::collector::HostGuard;

TEST_CASE("a loopback admin address answers to addresses and localhost, not to a name that was made to point there") {
  const HostGuard guard("127.0.0.1", {});
  for (const char* host : {"127.0.0.1", "127.0.0.1:8788", "localhost:8788", "LocalHost", "localhost.", "[::1]:8788",
                           "[::1]", "10.0.0.1:80", ""}) {
    CAPTURE(host);
    CHECK(guard.Allows(host));
  }
  for (const char* host : {"evil.example:8788", "localhost.evil.example", "127.0.0.1.evil.example", "[]", ":8788"}) {
    CAPTURE(host);
    CHECK_FALSE(guard.Allows(host));
  }
}

TEST_CASE("a configured name is answered to, and limits the names of an address that is not loopback") {
  CHECK(HostGuard("127.0.0.1", {"drops.example"}).Allows("Drops.Example:443"));
  CHECK(HostGuard("0.0.0.0", {}).Allows("any.example"));
  const HostGuard guard("0.0.0.0", {"drops.example"});
  CHECK(guard.Allows("drops.example"));
  CHECK(guard.Allows("192.0.2.1:8788"));
  CHECK_FALSE(guard.Allows("any.example"));
}
