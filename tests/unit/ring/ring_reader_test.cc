#include "ring/ring_reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <tuple>

#include "core/bytes.h"
#include "ring/ring_format.h"
#include "ring_fixture.h"

namespace whydrop {
namespace {

using EventKey = std::tuple<bool, uint64_t, uint64_t, int, uint32_t, int64_t, int64_t>;

EventKey KeyOf(const RingEvent& event) {
  return {event.key, event.index, event.at_ms, static_cast<int>(event.type), event.connection, event.a, event.b};
}

std::string IdentityKey(const RingConnection& connection) {
  const ConnectionIdentity& id = connection.identity;
  std::string key = std::to_string(id.number) + '/' + std::to_string(id.previous) + '/' + std::to_string(id.protocol) +
                    '/' + id.endpoint + '/' + id.network + '/' + (id.has_token ? '1' : '0');
  key.append(id.token_hash.begin(), id.token_hash.end());
  if (!connection.open) key += '/' + std::to_string(connection.cause) + '/' + std::to_string(connection.key_index);
  return key;
}

// What may be accepted of a damaged ring: records of the ring before the damage. Values of the live parts carry no
// checksum (they change all the time) and are left out; evidence of ended connections does.
struct Original {
  std::set<EventKey> events;
  std::set<std::string> connections;
  std::vector<RingConnection> ended;
  std::set<std::string> tags;
  std::set<std::string> totals;

  explicit Original(const RingContents& contents) {
    for (const RingEvent& event : contents.events) events.insert(KeyOf(event));
    for (const RingTag& tag : contents.tags) tags.insert(tag.key + '=' + tag.value);
    for (const RingTotal& total : contents.totals) totals.insert(total.endpoint + '/' + std::to_string(total.cause));
    for (const RingConnection& connection : contents.connections) {
      connections.insert(IdentityKey(connection));
      if (!connection.open) {
        ended.push_back(connection);
      } else if (connection.identity.token_hash == decltype(connection.identity.token_hash){}) {
        // FullRing renamed it: without the newer copy of its identity the older one counts.
        RingConnection before = connection;
        const ConnectionIdentity named = TestConnection("", connection.identity.number % 2 == 1);
        before.identity.has_token = named.has_token;
        before.identity.token_hash = named.token_hash;
        connections.insert(IdentityKey(before));
      }
    }
  }

  bool Covers(const RingContents& damaged) const {
    for (const RingEvent& event : damaged.events) {
      if (events.count(KeyOf(event)) == 0) return false;
    }
    for (const RingTag& tag : damaged.tags) {
      if (tags.count(tag.key + '=' + tag.value) == 0) return false;
    }
    for (const RingTotal& total : damaged.totals) {
      if (totals.count(total.endpoint + '/' + std::to_string(total.cause)) == 0) return false;
    }
    for (const RingConnection& connection : damaged.connections) {
      if (connections.count(IdentityKey(connection)) == 0) return false;
      if (!connection.open && !EvidenceIsPart(connection)) return false;
    }
    return true;
  }

  bool EvidenceIsPart(const RingConnection& connection) const {
    for (const RingConnection& whole : ended) {
      if (whole.identity.number != connection.identity.number) continue;
      for (int i = 1; i < kFieldLimit; ++i) {
        const auto field = static_cast<Field>(i);
        if (!connection.evidence.Has(field)) continue;
        if (!whole.evidence.Has(field) || whole.evidence.Get(field) != connection.evidence.Get(field)) return false;
      }
      return true;
    }
    return false;
  }
};

// A ring of 64 KiB whose every region is in use and whose both event rings are full.
std::vector<uint8_t> FullRing(uint64_t nonce = 0x1122334455667788u) {
  TestRing ring(65536, 64, TestIdentity(nonce));
  for (int i = 0; i < 16; ++i) {
    const std::string key = "tag" + std::to_string(i);
    static_cast<void>(ring.writer.SetTag(key.data(), key.size(), "value-1", 7));
  }
  Evidence evidence;
  for (int i = 1; i <= 40; ++i) evidence.Set(static_cast<Field>(i), i * 1000 - 500);
  for (int i = 0; i < 74; ++i) {
    const std::string endpoint = "gate-" + std::to_string(i);
    const ConnectionRef ref = ring.writer.OpenConnection(TestConnection(endpoint.c_str(), i % 2 == 0));
    if (i % 3 == 0) static_cast<void>(ring.writer.SetToken(ref, true, {}));
    if (i % 2 == 0) static_cast<void>(ring.writer.KeepFailure(ref, evidence));
    if (i < 10) {
      static_cast<void>(ring.writer.EndConnection(ref, evidence, WHYDROP_CAUSE_SERVER_RESET, Confidence::kHigh));
    }
  }
  while (ring.writer.RecordKey(EventType::kFailed, 3, 111, -222)) {
  }
  for (int i = 0; i < 150; ++i) static_cast<void>(ring.writer.RecordFlow(EventType::kStalled, 4, i, -i));
  return ring.Copy();
}

RingContents ReadAll(const std::vector<uint8_t>& bytes) {
  RingContents contents;
  REQUIRE(ReadRing(bytes.data(), bytes.size(), &contents).ok());
  return contents;
}

TEST_CASE("no single flipped bit makes the reader accept what was never written") {
  std::vector<uint8_t> bytes = FullRing();
  const RingContents whole = ReadAll(bytes);
  REQUIRE(whole.connections.size() == 74);
  REQUIRE(whole.tags.size() == 16);
  CHECK(whole.damage.slots_damaged == 0);
  const Original original(whole);
#ifdef WHYDROP_SLOW_BUILD
  const size_t step = 7;
  MESSAGE("every 7th bit is flipped: this build, or the system it runs on, is slow");
#else
  const size_t step = 1;
#endif
  size_t wrong = 0, refused = 0;
  RingContents damaged;
  for (size_t bit = 0; bit < bytes.size() * 8; bit += step) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
    if (!ReadRing(bytes.data(), bytes.size(), &damaged).ok()) {
      ++refused;
    } else if (!original.Covers(damaged)) {
      ++wrong;
    }
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
  }
  CHECK(wrong == 0);
  // Every bit of the header is covered by its checksum, or is the checksum, the magic or the version.
  CHECK(refused == (kHeaderBytes * 8 + step - 1) / step);
}

TEST_CASE("no truncation of a ring is read as a ring") {
  const std::vector<uint8_t> bytes = FullRing();
  RingContents contents;
  RingIdentity identity;
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A copy of exactly that size, so that the sanitizer sees a read behind its end.
    const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(ReadRing(cut.data(), cut.size(), &contents).kind == StatusKind::kCorrupt);
    if (size <= kHeaderBytes) CHECK(ReadRingHeader(cut.data(), size, &identity).ok() == (size == kHeaderBytes));
  }
}

TEST_CASE("random garbage behind a good header yields nothing but damage") {
  std::mt19937_64 random(20240611);
  std::vector<uint8_t> bytes = FullRing();
  for (int round = 0; round < 200; ++round) {
    for (size_t i = kHeaderBytes; i < bytes.size(); i += 8) StoreLe(&bytes[i], random());
    RingContents contents;
    CHECK(ReadRing(bytes.data(), bytes.size(), &contents).ok());
    CHECK(contents.events.empty());
    CHECK(contents.connections.empty());
    CHECK(contents.tags.empty());
    CHECK(contents.totals.empty());
    CHECK(contents.damage.slots_damaged + contents.damage.slots_unfinished > 100);
  }
}

TEST_CASE("records of another ring, or of another place in the same ring, are refused") {
  const std::vector<uint8_t> ours = FullRing(1);
  const std::vector<uint8_t> theirs = FullRing(2);
  std::vector<uint8_t> mixed = ours;
  std::copy(theirs.begin() + kHeaderBytes + kLifeBytes, theirs.end(), mixed.begin() + kHeaderBytes + kLifeBytes);
  const RingContents contents = ReadAll(mixed);
  CHECK(contents.events.empty());
  CHECK(contents.connections.empty());
  CHECK(contents.tags.empty());
  CHECK(contents.totals.empty());

  RingLayout layout;
  REQUIRE(PlanRing(ours.size(), 64, &layout));
  mixed = ours;
  std::copy_n(ours.begin() + static_cast<std::ptrdiff_t>(layout.key), kSlotBytes,
              mixed.begin() + static_cast<std::ptrdiff_t>(layout.key + kSlotBytes));
  CHECK(ReadAll(mixed).damage.slots_damaged == 1);
}

void SignHeader(std::vector<uint8_t>* bytes) { StoreLe(bytes->data() + 12, HeaderCrc(bytes->data())); }

TEST_CASE("an unknown version is unsupported, and a header that lies about its sizes is corrupt") {
  std::vector<uint8_t> bytes = FullRing();
  RingContents contents;
  StoreLe<uint32_t>(&bytes[8], kRingVersion + 1);
  CHECK(ReadRing(bytes.data(), bytes.size(), &contents).kind == StatusKind::kUnsupported);
  StoreLe<uint32_t>(&bytes[8], kRingVersion);
  for (const uint32_t lie : {0u, 200u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    StoreLe<uint32_t>(&bytes[24], lie);
    SignHeader(&bytes);
    CHECK(ReadRing(bytes.data(), bytes.size(), &contents).kind == StatusKind::kCorrupt);
  }
  StoreLe<uint32_t>(&bytes[24], 64);
  for (const uint64_t lie : {uint64_t{0}, uint64_t{65535}, uint64_t{1} << 26, ~uint64_t{0}}) {
    StoreLe<uint64_t>(&bytes[16], lie);
    SignHeader(&bytes);
    CHECK(ReadRing(bytes.data(), bytes.size(), &contents).kind == StatusKind::kCorrupt);
  }
  CHECK(ReadRing(bytes.data(), 0, &contents).kind == StatusKind::kCorrupt);
}

TEST_CASE("a header whose clocks no one can calculate with is corrupt") {
  const std::vector<uint8_t> good = FullRing();
  RingContents contents;
  for (const size_t clock : {size_t{112}, size_t{128}}) {
    for (const uint64_t lie : {uint64_t{INT64_MAX}, uint64_t{1} << 57}) {
      std::vector<uint8_t> bytes = good;
      StoreLe<uint64_t>(&bytes[clock], lie);
      SignHeader(&bytes);
      CHECK(ReadRing(bytes.data(), bytes.size(), &contents).kind == StatusKind::kCorrupt);
    }
  }
  std::vector<uint8_t> bytes = good;
  StoreLe<int64_t>(&bytes[112], INT64_MIN);
  SignHeader(&bytes);
  CHECK(ReadRing(bytes.data(), bytes.size(), &contents).kind == StatusKind::kCorrupt);
}

TEST_CASE("numbers of the life page that cannot be are left out and counted") {
  TestRing ring;
  ring.writer.life()->tick_ms = 5000;
  ring.writer.life()->heartbeat_ms = ~uint64_t{0};
  ring.writer.life()->oom_kills = 4;
  const RingContents contents = ring.Read();
  CHECK(contents.damage.life_out_of_range);
  CHECK(contents.life.heartbeat_ms == 0);
  CHECK(contents.life.tick_ms == 5000);
  CHECK(contents.life.oom_kills_known);
  CHECK(contents.life.oom_kills == 3);
}

TEST_CASE("a connection that a thread was ending when it died is reported once") {
  TestRing ring;
  const ConnectionRef open = ring.writer.OpenConnection(TestConnection("a"));
  const ConnectionRef ended = ring.writer.OpenConnection(TestConnection("b"));
  LiveConnection* live = ring.writer.Live(ended);
  CHECK(ring.writer.EndConnection(ended, {}, WHYDROP_CAUSE_SERVER_RESET, Confidence::kHigh));
  // As the slots look when the thread dies inside EndConnection, behind and before the record.
  const auto ending = static_cast<uint64_t>(ConnectionState::kEnding);
  live->state = ended.generation << 2 | ending;
  ring.writer.Live(open)->state = open.generation << 2 | ending;
  const RingContents contents = ring.Read();
  REQUIRE(contents.connections.size() == 2);
  CHECK(contents.connections[0].identity.number == 2);
  CHECK_FALSE(contents.connections[0].open);
  CHECK(contents.connections[1].identity.number == 1);
  CHECK(contents.connections[1].open);
}

TEST_CASE("an unfinished record is no damage") {
  TestRing ring;
  CHECK(ring.writer.RecordKey(EventType::kOpened, 1, 0, 0));
  auto* state = reinterpret_cast<Word*>(ring.storage.data() + ring.writer.layout().key);
  *state = StateOf(0, kSlotBusy);
  const RingContents contents = ring.Read();
  CHECK(contents.events.empty());
  CHECK(contents.damage.slots_unfinished == 1);
  CHECK(contents.damage.slots_damaged == 0);
}

std::string Hex(const uint8_t* bytes, size_t size) {
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
    text += i % 16 == 15 ? '\n' : ' ';
  }
  return text;
}

// The fixture is part of the format: it is compared and never written by a test.
TEST_CASE("the header and slot shown in FORMAT.md are what the code writes and reads") {
  RingIdentity id = TestIdentity();
  id.started_monotonic_ms = ~uint64_t{0};  // makes every record's time 1
  id.started_boot_ms = 90000;
  TestRing ring(65536, 64, id);
  CHECK(ring.writer.RecordKey(EventType::kFailed, 7, -104, 4));
  const std::vector<uint8_t> bytes = ring.Copy();
  const std::string shown =
      "header\n" + Hex(bytes.data(), 288) + "slot\n" + Hex(bytes.data() + ring.writer.layout().key, 64);
  std::ifstream golden(WHYDROP_SOURCE_DIR "/tests/golden/ring_v1.txt");
  const std::string expected((std::istreambuf_iterator<char>(golden)), std::istreambuf_iterator<char>());
  CHECK(shown == expected);
  std::ifstream document(WHYDROP_SOURCE_DIR "/sdk/ring/FORMAT.md");
  const std::string text((std::istreambuf_iterator<char>(document)), std::istreambuf_iterator<char>());
  CHECK(text.find(Hex(bytes.data(), 288)) != std::string::npos);
  CHECK(text.find(Hex(bytes.data() + ring.writer.layout().key, 64)) != std::string::npos);
  const RingContents contents = ring.Read();
  REQUIRE(contents.events.size() == 1);
  CHECK(contents.events[0].a == -104);
}

}  // namespace
}  // namespace whydrop
