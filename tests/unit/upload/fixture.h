// A state directory of its own, an own ring, and rings of others.
#ifndef WHYDROP_TESTS_UNIT_UPLOAD_FIXTURE_H
#define WHYDROP_TESTS_UNIT_UPLOAD_FIXTURE_H

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "platform/clock.h"
#include "platform/identity.h"
#include "platform/ring_storage.h"
#include "ring/ring_writer.h"
#include "support/test_directory.h"
#include "upload/outbox.h"

struct StateDirectory : TestDirectory {
  explicit StateDirectory(const std::string& root = Temporary()) : TestDirectory(root) {}
  const std::string& path = TestDirectory::path();
  size_t Count(const std::string& suffix) const { return CountIn(path, suffix); }
  static size_t CountIn(const std::string& directory, const std::string& suffix) {
    size_t count = 0;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
      const std::string name = entry.path().filename().u8string();
      if (name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix) ++count;
    }
    return count;
  }
};

// A ring as a session makes it; leaves a file behind when it goes out of scope.
struct TestRing {
  whydrop::platform::RingStorage storage;
  whydrop::RingWriter writer;
  whydrop::RingIdentity identity;

  TestRing(const std::string& directory, int32_t role, uint64_t pid, size_t bytes = 256 << 10) {
    using namespace whydrop;
    REQUIRE(platform::RandomBytes(identity.session_id.data(), 16).ok());
    identity.boot_id = platform::BootId();
    identity.machine_hash.fill(5);
    identity.pid = pid;
    identity.process_start = 1;
    identity.pid_namespace = platform::CurrentProcess().pid_namespace;
    identity.nonce = 42;
    identity.started_unix_ms = platform::WallUnixMs() - 60000;
    identity.started_monotonic_ms = platform::CoarseMonotonicMs();
    identity.started_boot_ms = platform::BootTimeMs();
    identity.role = role;
    identity.system = 1;
    std::strcpy(identity.app_id, "sample.game");
    std::strcpy(identity.app_version, "1.2.3");
    RingLayout layout;
    REQUIRE(PlanRing(bytes, 64, &layout));
    const std::string path = directory + "/" + SessionHex(identity.session_id) + ".ring";
    REQUIRE(storage.CreateAs(platform::StorageMode::kMapped, path, bytes).ok());
    writer.Format(&storage, layout, identity);
    writer.life()->tick_ms.store(writer.NowMs());
    writer.life()->tick_boot_ms.store(platform::BootTimeMs());
  }
  whydrop::ConnectionRef Open() {
    whydrop::ConnectionIdentity connection;
    connection.protocol = WHYDROP_TCP;
    connection.has_token = true;
    connection.token_hash.fill(static_cast<uint8_t>(++opened));
    std::strcpy(connection.endpoint, "gate-3");
    return writer.OpenConnection(connection);
  }
  void End(whydrop::ConnectionRef ref, whydrop::Cause cause) {
    whydrop::Evidence evidence;
    evidence.Set(whydrop::Field::established, 1);
    writer.EndConnection(ref, evidence, cause, whydrop::Confidence::kHigh);
  }
  int opened = 0;
};

inline constexpr uint64_t kDeadPid = uint64_t{1} << 40;  // above any pid of any system

#endif
