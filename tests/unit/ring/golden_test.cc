// Whole ring files, as a Linux and as a Windows program left them: either system writes them byte for byte and reads
// them with the same result. The files are part of the format; no test writes them.
#include <doctest/doctest.h>

#include <fstream>

#include "platform/file.h"
#include "ring_fixture.h"
#include "support/test_directory.h"

namespace whydrop {
namespace {

constexpr size_t kRow = 32;
constexpr size_t kBytes = 65536;

// Rows that are not all zeros: offset, then the bytes.
std::string Rows(const std::string& bytes) {
  std::string text;
  char number[16];
  for (size_t at = 0; at < bytes.size(); at += kRow) {
    const std::string row = bytes.substr(at, kRow);
    if (row == std::string(row.size(), '\0')) continue;
    std::snprintf(number, sizeof number, "%06x", static_cast<unsigned>(at));
    text += number;
    for (const char c : row) {
      std::snprintf(number, sizeof number, " %02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
      text += number;
    }
    text += '\n';
  }
  return text;
}

std::vector<uint8_t> FromRows(const std::string& text) {
  std::vector<uint8_t> bytes(kBytes, 0);
  const char* at = text.c_str();
  while (*at != '\0') {
    char* next = nullptr;
    size_t offset = std::strtoul(at, &next, 16);
    for (; *next == ' ' && offset < bytes.size(); ++offset) {
      bytes[offset] = static_cast<uint8_t>(std::strtoul(next, &next, 16));
    }
    at = next + 1;
  }
  return bytes;
}

// A ring with something in each of its regions, written to a file by this system. Every record's time is 1.
std::string WriteRing(int32_t system) {
  const TestDirectory directory(TestDirectory::InMemory());
  RingIdentity id = TestIdentity();
  id.started_monotonic_ms = ~uint64_t{0};
  id.started_boot_ms = 90000;
  id.system = system;
  TestRing ring(kBytes, 64, id, platform::StorageMode::kMapped, directory.File("golden.ring"));
  CHECK(ring.writer.SetTag("map", 3, "desert", 6));
  CHECK(ring.writer.SetTag("shard", 5, "eu-2", 4));
  CHECK(ring.writer.RecordKey(EventType::kConnected, 1, -104, 4));
  CHECK(ring.writer.RecordFlow(EventType::kStalled, 0, 7000, -1));
  for (int i = 0; i < 7; ++i) {
    const ConnectionRef ref = ring.writer.OpenConnection(TestConnection(i % 2 == 0 ? "gate-1" : "gate-2", i != 3));
    Evidence evidence;
    evidence.Set(Field::os_error, i == 0 ? 10054 : 104);
    evidence.Set(Field::rtt_us, 25000);
    CHECK(ring.writer.KeepFailure(ref, evidence));
    if (i < 5) CHECK(ring.writer.EndConnection(ref, evidence, WHYDROP_CAUSE_SERVER_RESET, Confidence::kMedium));
  }
  LifePage* life = ring.writer.life();
  life->heartbeat_ms = 5;
  life->tick_ms = 6;
  life->tick_boot_ms = 90006;
  life->clean_mark = 1;
  life->ended_ms = 9;
  ring.writer.WriteThrough();
  ring.storage.Retire();
  return directory.Read("golden.ring");
}

std::string Golden(const char* system) {
  std::ifstream file(std::string(WHYDROP_SOURCE_DIR "/tests/golden/ring_v1_") + system + ".txt", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("this system writes the ring files that Linux and Windows programs left, byte for byte") {
  for (const auto& [name, system] : {std::pair("linux", 1), std::pair("windows", 2)}) {
    CAPTURE(std::string(name));
    const std::string made = Rows(WriteRing(system));
    CHECK(made == Golden(name));
    if (made != Golden(name)) std::ofstream("made_ring_v1_" + std::string(name) + ".txt", std::ios::binary) << made;
  }
}

TEST_CASE("this system reads the ring files that Linux and Windows programs left") {
  for (const auto& [name, system] : {std::pair("linux", 1), std::pair("windows", 2)}) {
    CAPTURE(std::string(name));
    const std::vector<uint8_t> bytes = FromRows(Golden(name));
    RingContents contents;
    REQUIRE(ReadRing(bytes.data(), bytes.size(), &contents).ok());
    CHECK(contents.damage.slots_damaged + contents.damage.connections_damaged + contents.damage.totals_damaged == 0);
    CHECK(contents.identity.system == system);
    CHECK(contents.identity.pid == 4711);
    CHECK(contents.identity.started_unix_ms == 1700000000000);
    CHECK(contents.tags.size() == 2);
    CHECK(contents.events.size() >= 2);
    CHECK(contents.connections.size() == 7);
    CHECK(contents.life.clean_mark);
    CHECK(contents.life.tick_boot_ms == 90006);
    uint64_t resets = 0;
    for (const RingTotal& total : contents.totals) resets += total.count;
    CHECK(resets == 5);
  }
}

}  // namespace whydrop
