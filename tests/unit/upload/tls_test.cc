// Posting by TLS with the real libcurl. Run by tls_test.py, which makes the certificates and serves.
#include <cstdlib>

#include "launch.h"

using namespace whydrop;

namespace {

std::string Setting(const char* name) {
  const char* value = std::getenv(name);
  REQUIRE_MESSAGE(value != nullptr, "to be run by tls_test.py");
  return value;
}

// Whether a server with that certificate is given the batch by a client that trusts that authority.
bool IsTaken(const char* server, const std::string& trusted) {
  Launch launch("https://localhost:" + Setting(server) + "/v1/batches");
  if (!trusted.empty()) launch.config.ca_file = Setting("WHYDROP_CERTIFICATES") + "/" + trusted;
  launch.Again();
  const SendResult result = launch.Send();
  CHECK(result == (launch.Waiting() == 0 ? SendResult::kAllSent : SendResult::kLeft));
  return launch.Waiting() == 0;
}

}  // namespace

TEST_CASE("the right authority and host are taken, also if the authority's file has another alphabet in its name") {
  CHECK(IsTaken("WHYDROP_RIGHT_PORT", "ca.pem"));
  CHECK(IsTaken("WHYDROP_RIGHT_PORT", "власть.pem"));
}

TEST_CASE("a wrong authority, a wrong host and a file that is not there are not taken") {
  CHECK_FALSE(IsTaken("WHYDROP_RIGHT_PORT", "other.pem"));
  CHECK_FALSE(IsTaken("WHYDROP_WRONG_HOST_PORT", "ca.pem"));
  CHECK_FALSE(IsTaken("WHYDROP_RIGHT_PORT", "none.pem"));
}

TEST_CASE("without a file the system decides, which does not know this authority") {
  if (platform::CurrentSystem() == platform::SystemKind::kWine) {
    MESSAGE("skipped: Wine 8 takes every certificate where the system is to decide");
    return;
  }
  CHECK_FALSE(IsTaken("WHYDROP_RIGHT_PORT", ""));
}
