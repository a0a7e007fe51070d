// The SDK's own wire writer against libprotobuf, and what the batches say.
#include <doctest/doctest.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstdio>
#include <random>
#include <string>

#include "platform/ring_storage.h"
#include "ring/ring_writer.h"
#include "sample_ring.h"
#include "upload/batch_encoder.h"
#include "upload/wire.h"
#include "whydrop/v1/batch.pb.h"

using namespace whydrop;
namespace wire = whydrop::v1;

static std::string Deterministic(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

static HarvestFacts SameBoot() {
  HarvestFacts facts;
  facts.same_boot_known = facts.same_boot = true;
  return facts;
}

// Parsed, after the bytes were found equal to libprotobuf's.
static std::vector<wire::Batch> Parse(const std::vector<std::string>& bodies) {
  std::vector<wire::Batch> batches;
  for (const std::string& body : bodies) {
    wire::Batch batch;
    REQUIRE(batch.ParseFromString(body));
    CHECK(batch.GetReflection()->GetUnknownFields(batch).empty());
    REQUIRE(Deterministic(batch) == body);
    batches.push_back(batch);
  }
  return batches;
}

TEST_CASE("evidence numbers of the ring are those of the wire") {
  const auto* descriptor = wire::Evidence::descriptor();
  for (int number = 1; number < kFieldLimit; ++number) {
    const auto* field = descriptor->FindFieldByNumber(number);
    REQUIRE((field != nullptr) == (FieldName(number) != nullptr));
    if (field != nullptr) CHECK(field->name() == FieldName(number));
  }
}

TEST_CASE("a dead client's batch has libprotobuf's bytes and the ring's contents") {
  const RingContents ring = SampleRing(WHYDROP_ROLE_CLIENT);
  const SessionReport report = ReportSession(ring, SameBoot());
  const std::vector<wire::Batch> batches = Parse(EncodeRotation(ring, report, {}));
  REQUIRE(batches.size() == 1);
  const wire::Batch& batch = batches[0];
  CHECK(batch.id().session_id().size() == 16);
  CHECK(batch.parts() == 1);
  CHECK(batch.reference_ms() == 9100);
  const wire::Session& session = batch.session();
  CHECK(session.app_id() == "sample.game");
  CHECK(session.end() == WHYDROP_CAUSE_CLIENT_CRASH);
  CHECK(session.uptime_ms() == 9100);
  CHECK(session.tags_size() == 2);
  CHECK(session.crash().code() == 11);
  CHECK(session.crash().signal_code() == -6);
  CHECK(session.crash().module() == "game.so");
  CHECK(session.crash().alive_after_fault_ms() == 100);
  CHECK(session.connections_open() == 1);
  CHECK(session.boot_id().empty());
  CHECK(session.machine_id().empty());
  REQUIRE(batch.connections_size() == 4);
  CHECK(batch.connections(0).token_hash().size() == 16);
  CHECK(batch.connections(1).token_hash().empty());
  CHECK(batch.connections(0).evidence().os_error() == -2);
  CHECK(batch.connections(0).evidence().bytes_sent() == uint64_t{1} << 40);
  CHECK(batch.connections(3).open());
  CHECK(batch.connections(3).evidence().session_end() == WHYDROP_CAUSE_CLIENT_CRASH);
  CHECK(batch.connections(3).evidence().ended_ms() == 9100);
  CHECK(batch.connections(3).evidence().hang_gap_ms() == 250);
  REQUIRE(batch.events_size() == 5);
  for (int i = 1; i < 5; ++i) CHECK(batch.events(i).index() == batch.events(i - 1).index() + 1);
  REQUIRE(batch.close_totals_size() == 2);
  CHECK(batch.close_totals(0).count() == 7);
  CHECK(batch.close_totals(1).count() == 5);
  CHECK(batch.losses().events_dropped() == 1);
  CHECK(batch.losses().slots_damaged() == 2);
  CHECK(batch.losses().slots_unfinished() == 3);
  CHECK(batch.losses().rings_corrupt() == 13);
}

TEST_CASE("only a server tells its boot and machine, as hashes") {
  const RingContents ring = SampleRing(WHYDROP_ROLE_SERVER);
  const wire::Batch batch = Parse(EncodeRotation(ring, ReportSession(ring, SameBoot()), {}))[0];
  CHECK(batch.session().boot_id().size() == 16);
  CHECK(batch.session().boot_id() != std::string(16, 3));
  CHECK(batch.session().machine_id() == std::string(16, 4));
}

TEST_CASE("a rotation that death broke off tells its range of the key ring and nothing that was still changing") {
  const RingContents ring = SampleRing(WHYDROP_ROLE_SERVER);
  BatchScope scope;
  scope.kind = BatchScope::Kind::kUnfinished;
  scope.rotation = 7;
  scope.key_from = 2;
  scope.key_to = 4;
  const wire::Batch batch = Parse(EncodeRotation(ring, ReportRunningSession(ring, 8000), scope))[0];
  CHECK(batch.id().rotation() == 7);
  CHECK(batch.session().end() == 0);
  CHECK(batch.reference_ms() == 8000);
  REQUIRE(batch.connections_size() == 2);
  CHECK(batch.connections(0).number() == 2);
  CHECK(batch.connections(1).number() == 3);
  CHECK(batch.events_size() == 1);
  CHECK(batch.close_totals_size() == 0);
}

TEST_CASE("parts are cut at 2,000 records and 192 KiB, lose nothing and are the same every time") {
  RingContents ring = SampleRing(WHYDROP_ROLE_CLIENT);
  for (uint32_t number = 5; number < 1500; ++number) ring.connections.push_back(SampleConnection(number, false));
  const RingEvent event = ring.events[0];
  for (int i = 0; i < 9000; ++i) ring.events.push_back(event);
  const SessionReport report = ReportSession(ring, SameBoot());
  const std::vector<std::string> bodies = EncodeRotation(ring, report, {});
  CHECK(bodies == EncodeRotation(ring, report, {}));
  size_t connections = 0, events = 0, losses = 0;
  uint32_t part = 0;
  for (const wire::Batch& batch : Parse(bodies)) {
    CHECK(batch.parts() == bodies.size());
    CHECK(batch.id().part() == part);
    CHECK(bodies[part].size() <= kMaxBatchBytes);
    ++part;
    CHECK(batch.connections_size() + batch.events_size() + batch.close_totals_size() <= 2000);
    connections += static_cast<size_t>(batch.connections_size());
    events += static_cast<size_t>(batch.events_size());
    losses += batch.has_losses() ? 1 : 0;
  }
  CHECK(part > 4);
  CHECK(connections == ring.connections.size());
  CHECK(events == ring.events.size());
  CHECK(losses == 1);
}

// Through the real writer, reader and encoder.
TEST_CASE("every one of 10,000 ended connections is told exactly once, one by one or in a total") {
  for (const int with_token_every : {1, 2, 10000}) {
    CAPTURE(with_token_every);
    RingLayout layout;
    REQUIRE(PlanRing(256 << 10, 64, &layout));
    platform::RingStorage storage;
    REQUIRE(storage.CreateAs(platform::StorageMode::kVolatile, "", layout.total_bytes).ok());
    RingIdentity identity;
    identity.nonce = 7;
    std::snprintf(identity.app_id, sizeof identity.app_id, "sample.game");
    std::snprintf(identity.app_version, sizeof identity.app_version, "1");
    RingWriter writer;
    writer.Format(&storage, layout, identity);
    const Cause causes[] = {WHYDROP_CAUSE_SERVER_CLOSE, WHYDROP_CAUSE_LOCAL_CLOSE, WHYDROP_CAUSE_CONNECT_REFUSED};
    for (int i = 0; i < 10000; ++i) {
      ConnectionIdentity connection;
      connection.protocol = WHYDROP_TCP;
      connection.has_token = i % with_token_every == 0;
      std::snprintf(connection.endpoint, sizeof connection.endpoint, "gate-%d", i / 7 % 5);
      Evidence evidence;
      evidence.Set(Field::established, i % 3 == 0 ? 1 : 0);
      REQUIRE(writer.EndConnection(writer.OpenConnection(connection), evidence, causes[i / 11 % 3], Confidence::kHigh));
      writer.RecordFlow(EventType::kClosed, 0, i, 0);
    }
    RingContents ring;
    REQUIRE(ReadRing(storage.data(), storage.size(), &ring).ok());
    uint64_t one_by_one = 0;
    uint64_t in_totals = 0;
    const std::vector<Rotation> rotations = PlanRotations(ring, {});
    REQUIRE(rotations.size() == 1);
    for (const wire::Batch& batch : Parse(EncodeRotation(ring, rotations[0].report, rotations[0].scope))) {
      one_by_one += static_cast<uint64_t>(batch.connections_size());
      for (const wire::CloseTotal& total : batch.close_totals()) in_totals += total.count();
    }
    CHECK(one_by_one > 100);
    CHECK(in_totals > 5000);
    CHECK(one_by_one + in_totals == 10000);
  }
}

TEST_CASE("the time of death is the clean mark's, else the crash's, else the last sign of life") {
  RingContents ring = SampleRing(WHYDROP_ROLE_CLIENT);
  CHECK(TimeOfDeathMs(ring) == 9100);
  ring.life.clean_mark = true;
  ring.life.ended_ms = 8000;
  CHECK(TimeOfDeathMs(ring) == 8000);
  ring.life.clean_mark = false;
  ring.life.crash.state = MarkerState::kReturned;
  CHECK(TimeOfDeathMs(ring) == 9250);
  CHECK(ReportSession(ring, SameBoot()).end.cause == WHYDROP_CAUSE_CLIENT_KILLED);
}

TEST_CASE("an acknowledgement written by libprotobuf is read, every cut of it is not or says less") {
  wire::Ack message;
  message.mutable_id()->set_session_id(std::string(16, 'a'));
  message.mutable_id()->set_rotation(300);
  message.mutable_id()->set_part(2);
  message.set_sha256(std::string(32, 'b'));
  message.set_verdict(wire::Ack::REJECTED);
  message.set_retry_after_s(70000);
  const std::string bytes = message.SerializeAsString();
  WireAck ack;
  REQUIRE(ReadAck(bytes.data(), bytes.size(), &ack));
  CHECK(ack.has_id);
  CHECK(ack.rotation == 300);
  CHECK(ack.part == 2);
  CHECK(ack.sha256[31] == 'b');
  CHECK(ack.verdict == AckVerdict::kRejected);
  CHECK(ack.retry_after_s == 70000);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    const std::vector<char> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    WireAck less;
    if (ReadAck(exact.data(), exact.size(), &less)) CHECK(less.retry_after_s == 0);
  }
  message.set_sha256("short");
  const std::string wrong = message.SerializeAsString();
  CHECK_FALSE(ReadAck(wrong.data(), wrong.size(), &ack));
  CHECK_FALSE(ReadAck("<html>", 6, &ack));
}

TEST_CASE("no bytes make the reader of acknowledgements fall") {
  wire::Ack ack;
  ack.mutable_id()->set_session_id(std::string(16, 's'));
  ack.mutable_id()->set_rotation(3);
  ack.set_sha256(std::string(32, 'h'));
  ack.set_verdict(wire::Ack::ACCEPTED);
  const std::string good = ack.SerializeAsString();
  std::mt19937 chance(20261128);
  int echoed = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string bytes = good;
    for (uint32_t n = 0; n <= chance() % 8; ++n) {
      const size_t at = chance() % bytes.size();
      if (chance() % 3 == 0) bytes.insert(at, 1, static_cast<char>(chance()));
      if (chance() % 3 == 0 && bytes.size() > 1) bytes.erase(at, 1);
      if (!bytes.empty()) bytes[chance() % bytes.size()] = static_cast<char>(chance());
    }
    bytes.resize(bytes.size() - chance() % 2 * (chance() % bytes.size()));
    WireAck read;
    if (!ReadAck(bytes.data(), bytes.size(), &read) || !read.has_id || !read.has_sha256) continue;
    echoed += std::string(read.sha256.begin(), read.sha256.end()) == std::string(32, 'h') ? 1 : 0;
  }
  CHECK(echoed > 100);
  CHECK(echoed < 200000);
}
