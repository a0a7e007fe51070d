// Every field of the configuration, its limits, and what is said about it.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "session_fixture.h"

using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

// Starts with one field changed; stops again.
template <typename Change>
whydrop_result StartWith(Change change, std::string* said = nullptr) {
  TempDir dir;
  Started session(dir.path());
  change(session.config);
  const whydrop_result result = session.Start();
  if (said != nullptr) *said = session.log->Messages().empty() ? "" : session.log->Messages()[0];
  return result;
}

}  // namespace

TEST_CASE("config_init fills in the defaults, also of a smaller or larger caller") {
  whydrop_config config;
  std::memset(&config, 0x55, sizeof config);
  WHYDROP_CONFIG_INIT(&config);
  CHECK(config.struct_size == sizeof config);
  CHECK(config.role == WHYDROP_ROLE_CLIENT);
  CHECK(config.consent == WHYDROP_CONSENT_GRANTED);
  CHECK(config.upload_delay_ms == WHYDROP_DEFAULT);
  CHECK(config.app_id == nullptr);

  std::memset(&config, 0x55, sizeof config);
  whydrop_config_init(&config, offsetof(whydrop_config, app_key));
  CHECK(config.upload_url == nullptr);
  CHECK(config.ring_bytes == 0x55555555u);

  struct {
    whydrop_config known;
    unsigned char unknown[16];
  } larger;
  std::memset(&larger, 0x55, sizeof larger);
  whydrop_config_init(&larger.known, sizeof larger);
  CHECK(larger.unknown[15] == 0);
  whydrop_config_init(nullptr, 8);
  whydrop_config_init(&config, 3);
}

TEST_CASE("a configuration that is missing or too small is refused") {
  CHECK(whydrop_start(nullptr) == WHYDROP_ERROR_INVALID_ARGUMENT);
  CHECK(StartWith([](whydrop_config& c) { c.struct_size = 8; }) == WHYDROP_ERROR_INVALID_ARGUMENT);
  CHECK(StartWith([](whydrop_config& c) { c.struct_size = offsetof(whydrop_config, app_version); }) ==
        WHYDROP_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("a larger configuration of a later version is taken") {
  CHECK(StartWith([](whydrop_config& c) { c.struct_size = sizeof c + 64; }) == WHYDROP_OK);
}

TEST_CASE("every field that breaks its rule is refused and named in the log") {
  const std::string long_id(65, 'a'), long_key(129, 'k'), long_path(5000, 'p');
  struct Case {
    const char* field;
    void (*change)(whydrop_config&);
  };
  const Case cases[] = {
      {"app_id", [](whydrop_config& c) { c.app_id = nullptr; }},
      {"app_id", [](whydrop_config& c) { c.app_id = ""; }},
      {"app_id", [](whydrop_config& c) { c.app_id = ".game"; }},
      {"app_id", [](whydrop_config& c) { c.app_id = "a/b"; }},
      {"app_version", [](whydrop_config& c) { c.app_version = nullptr; }},
      {"app_version", [](whydrop_config& c) { c.app_version = "1\n"; }},
      {"app_version", [](whydrop_config& c) { c.app_version = "\xff"; }},
      {"state_dir", [](whydrop_config& c) { c.state_dir = ""; }},
      {"upload_url", [](whydrop_config& c) { c.upload_url = "https://example.com/"; }},
      {"upload_url", [](whydrop_config& c) { c.upload_url = "http://example.com/v1/batches"; }},
      {"upload_url", [](whydrop_config& c) { c.upload_url = "http://127.0.0.1@example.com/v1/batches"; }},
      {"upload_url", [](whydrop_config& c) { c.upload_url = "http://127.0.0.1.example.com/v1/batches"; }},
      {"upload_url", [](whydrop_config& c) { c.upload_url = "ftp://localhost/v1/batches"; }},
      {"upload_url", [](whydrop_config& c) { c.upload_url = "https:///v1/batches"; }},
      {"app_key", [](whydrop_config& c) { c.app_key = "a\tb"; }},
      {"app_key", [](whydrop_config& c) { c.app_key = ""; }},
      {"ca_file", [](whydrop_config& c) { c.ca_file = "\xff"; }},
      {"role", [](whydrop_config& c) { c.role = 2; }},
      {"ring_bytes", [](whydrop_config& c) { c.ring_bytes = 65535; }},
      {"ring_bytes", [](whydrop_config& c) { c.ring_bytes = (1u << 20) + 1; }},
      {"max_connections", [](whydrop_config& c) { c.max_connections = 100000; }},
      {"rotate_interval_ms", [](whydrop_config& c) { c.rotate_interval_ms = 999; }},
      {"flags", [](whydrop_config& c) { c.flags = 1u << 20; }},
      {"consent", [](whydrop_config& c) { c.consent = 3; }},
  };
  for (const Case& one : cases) {
    CAPTURE(one.field);
    std::string said;
    CHECK(StartWith(one.change, &said) == WHYDROP_ERROR_INVALID_ARGUMENT);
    CHECK(said.find(one.field) != std::string::npos);
  }
  CHECK(StartWith([&](whydrop_config& c) { c.app_id = long_id.c_str(); }) == WHYDROP_ERROR_INVALID_ARGUMENT);
  CHECK(StartWith([&](whydrop_config& c) { c.app_key = long_key.c_str(); }) == WHYDROP_ERROR_INVALID_ARGUMENT);
  CHECK(StartWith([&](whydrop_config& c) { c.state_dir = long_path.c_str(); }) == WHYDROP_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("values at their limits are taken") {
  const std::string id(64, 'a'), key(128, 'k');
  CHECK(StartWith([&](whydrop_config& c) { c.app_id = id.c_str(); }) == WHYDROP_OK);
  CHECK(StartWith([&](whydrop_config& c) { c.app_key = key.c_str(); }) == WHYDROP_OK);
  CHECK(StartWith([](whydrop_config& c) { c.ring_bytes = 1u << 20; }) == WHYDROP_OK);
  CHECK(StartWith([](whydrop_config& c) { c.rotate_interval_ms = 1000; }) == WHYDROP_OK);
  for (const char* url : {"https://example.com/v1/batches", "http://localhost:1/v1/batches",
                          "http://127.0.0.1:1/v1/batches", "http://[::1]:1/v1/batches"}) {
    CAPTURE(url);
    CHECK(StartWith([url](whydrop_config& c) {
            c.upload_url = url;
            c.upload_delay_ms = 3600 * 1000;
          }) == WHYDROP_OK);
  }
}
