#include "samples/collector/http/address.h"

#include <doctest/doctest.h>

#include "samples/collector/ingest/ingest.h"

using namespace whydrop::collector;

TEST_CASE("only a trusted proxy is believed") {
  Cidr cidr;
  REQUIRE(Cidr::Parse("10.0.0.0/8", &cidr));
  CHECK(SenderAddress("10.1.1.1", "6.6.6.6, 7.7.7.7, 10.2.2.2", {cidr}) == "7.7.7.7");
  CHECK(SenderAddress("9.9.9.9", "7.7.7.7", {cidr}) == "9.9.9.9");
  CHECK(SenderAddress("10.1.1.1", "nonsense", {cidr}) == "10.1.1.1");
  CHECK_FALSE(Cidr::Parse("10.0.0.0/33", &cidr));
}

TEST_CASE("a proxy may write the port behind an address") {
  Cidr cidr;
  REQUIRE(Cidr::Parse("10.0.0.0/8", &cidr));
  CHECK(SenderAddress("10.1.1.1", "7.7.7.7:4711, 10.2.2.2:80", {cidr}) == "7.7.7.7");
  CHECK(SenderAddress("10.1.1.1", "[2001:db8::7]:4711", {cidr}) == "2001:db8::7");
  CHECK(SenderAddress("10.1.1.1", "2001:db8::7", {cidr}) == "2001:db8::7");
  for (const char* wrong : {"", " ", ",", ":", ":80", "[", "[]", "]", "[:80", "7.7.7.7:80:80", "unknown"}) {
    CHECK(SenderAddress("10.1.1.1", wrong, {cidr}) == "10.1.1.1");
  }
}

TEST_CASE("an age that is garbage or negative is none") {
  CHECK(ParseAge("") == 0);
  CHECK(ParseAge("-5") == 0);
  CHECK(ParseAge("12x") == 0);
  CHECK(ParseAge("3600") == 3600);
  CHECK(ParseAge("99999999999999999999") == 400 * 86400);
}
