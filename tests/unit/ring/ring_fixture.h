// A ring in memory for tests, with everything a test mostly wants at hand.
//
// Thread rule: that of its parts.
#ifndef WHYDROP_TESTS_RING_FIXTURE_H
#define WHYDROP_TESTS_RING_FIXTURE_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "platform/clock.h"
#include "platform/ring_storage.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace whydrop {

inline RingIdentity TestIdentity(uint64_t nonce = 0x1122334455667788u) {
  RingIdentity id;
  for (size_t i = 0; i < 16; ++i) {
    id.session_id[i] = static_cast<uint8_t>(0xA0 + i);
    id.boot_id[i] = static_cast<uint8_t>(0xB0 + i);
    id.machine_hash[i] = static_cast<uint8_t>(0xC0 + i);
  }
  id.pid = 4711;
  id.process_start = 123456;
  id.pid_namespace = 4026531836;
  id.nonce = nonce;
  id.started_unix_ms = 1700000000000;
  id.started_monotonic_ms = platform::CoarseMonotonicMs();
  id.started_boot_ms = platform::BootTimeMs();
  id.system = 1;
  std::snprintf(id.app_id, sizeof id.app_id, "demo.game");
  std::snprintf(id.app_version, sizeof id.app_version, "1.2.3");
  return id;
}

inline ConnectionIdentity TestConnection(const char* endpoint, bool has_token = true) {
  ConnectionIdentity id;
  id.protocol = WHYDROP_TCP;
  id.has_token = has_token;
  for (size_t i = 0; has_token && i < kTokenHashBytes; ++i) id.token_hash[i] = static_cast<uint8_t>(i + 1);
  std::snprintf(id.endpoint, sizeof id.endpoint, "%s", endpoint);
  std::snprintf(id.network, sizeof id.network, "wifi");
  return id;
}

// Aborts on what no test is about, so that it needs no assertions of its own.
struct TestRing {
  platform::RingStorage storage;
  RingWriter writer;

  explicit TestRing(size_t bytes = 65536, uint32_t connections = 64, const RingIdentity& id = TestIdentity(),
                    platform::StorageMode mode = platform::StorageMode::kVolatile, const std::string& path = "") {
    RingLayout layout;
    if (!PlanRing(bytes, connections, &layout) || !storage.CreateAs(mode, path, bytes).ok()) std::abort();
    writer.Format(&storage, layout, id);
  }
  std::vector<uint8_t> Copy() const {
    std::vector<uint8_t> copy(storage.size());
    CopyLiveRing(storage.data(), storage.size(), copy.data());
    return copy;
  }
  RingContents Read() const {
    const std::vector<uint8_t> copy = Copy();
    RingContents contents;
    if (!ReadRing(copy.data(), copy.size(), &contents).ok()) std::abort();
    return contents;
  }
};

inline const RingConnection* FindConnection(const RingContents& contents, uint32_t number) {
  for (const RingConnection& connection : contents.connections) {
    if (connection.identity.number == number) return &connection;
  }
  return nullptr;
}

inline bool SameEvidence(const Evidence& a, const Evidence& b) {
  if (a.present() != b.present()) return false;
  for (int i = 1; i < kFieldLimit; ++i) {
    if (a.Get(static_cast<Field>(i)) != b.Get(static_cast<Field>(i))) return false;
  }
  return true;
}

}  // namespace whydrop

#endif
