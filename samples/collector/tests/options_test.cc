#include "samples/collector/options.h"

#include <doctest/doctest.h>

#include "samples/collector/ingest/ingest.h"

using namespace whydrop::collector;

namespace {

ParseResult Parse(const std::vector<std::string>& arguments, Options* options, std::string* error) {
  *options = Options();
  return ParseOptions(arguments, options, error);
}

}  // namespace

TEST_CASE("flags are taken in both spellings") {
  Options options;
  std::string error;
  REQUIRE(Parse({"--listen=[::1]:9", "--key", "game=a=b", "--key=two=k", "--trusted-proxy", "10.0.0.0/8"}, &options,
                &error) == ParseResult::kRun);
  CHECK(options.listen.host == "::1");
  CHECK(options.listen.port == 9);
  CHECK(options.keys.at("game") == "a=b");
  CHECK(options.keys.at("two") == "k");
  CHECK(options.trusted_proxies.size() == 1);
}

TEST_CASE("a wrong flag is named") {
  Options options;
  std::string error;
  for (const char* flag : {"--listen", "--admin-listen", "--key", "--server-key", "--trusted-proxy", "--rate-limit"}) {
    CHECK(Parse({flag, "!"}, &options, &error) == ParseResult::kError);
    CHECK(error.find(flag) != std::string::npos);
  }
  CHECK(Parse({"stray"}, &options, &error) == ParseResult::kError);
  CHECK(Parse({"--tls-key", "k"}, &options, &error) == ParseResult::kError);
  CHECK(Parse({"--help"}, &options, &error) == ParseResult::kHelp);
}

TEST_CASE("only a trusted proxy is believed") {
  Cidr cidr;
  REQUIRE(Cidr::Parse("10.0.0.0/8", &cidr));
  CHECK(SenderAddress("10.1.1.1", "6.6.6.6, 7.7.7.7, 10.2.2.2", {cidr}) == "7.7.7.7");
  CHECK(SenderAddress("9.9.9.9", "7.7.7.7", {cidr}) == "9.9.9.9");
  CHECK(SenderAddress("10.1.1.1", "nonsense", {cidr}) == "10.1.1.1");
  CHECK_FALSE(Cidr::Parse("10.0.0.0/33", &cidr));
}

TEST_CASE("an age that is garbage or negative is none") {
  CHECK(ParseAge("") == 0);
  CHECK(ParseAge("-5") == 0);
  CHECK(ParseAge("12x") == 0);
  CHECK(ParseAge("3600") == 3600);
  CHECK(ParseAge("99999999999999999999") == 400 * 86400);
}

TEST_CASE("an admin host is a name without a port, compared in lower case") {
  Options options;
  std::string error;
  REQUIRE(Parse({"--admin-host", "Drops.Example.com"}, &options, &error) == ParseResult::kRun);
  CHECK(options.admin_hosts.count("drops.example.com") == 1);
  CHECK(Parse({"--admin-host", "drops.example.com:8788"}, &options, &error) == ParseResult::kError);
  CHECK(error.find("--admin-host") != std::string::npos);
  CHECK(Parse({"--admin-host", ""}, &options, &error) == ParseResult::kError);
}
