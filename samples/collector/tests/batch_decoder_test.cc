#include "samples/collector/ingest/batch_decoder.h"

#include <doctest/doctest.h>

#include "core/sha256.h"
#include "samples/collector/model/evidence_message.h"
#include "whydrop/v1/batch.pb.h"

using namespace whydrop;
using namespace whydrop::collector;

namespace {

v1::Batch Good() {
  v1::Batch batch;
  batch.mutable_id()->set_session_id("0123456789abcdef");
  batch.mutable_id()->set_rotation(3);
  batch.mutable_session()->set_app_id("game");
  batch.mutable_session()->set_app_version("1.0");
  auto* connection = batch.add_connections();
  connection->set_number(1);
  connection->mutable_evidence()->set_os_error(-1);
  connection->mutable_evidence()->set_outq_bytes(UINT64_MAX);
  return batch;
}

DecodeResult Decode(const v1::Batch& message, Batch* batch) {
  std::string error;
  return DecodeBatch(message.SerializeAsString(), batch, &error);
}

DecodeResult Decode(const v1::Batch& message) {
  Batch batch;
  return Decode(message, &batch);
}

}  // namespace

TEST_CASE("a good batch keeps its id, its hash and its evidence") {
  Batch batch;
  REQUIRE(Decode(Good(), &batch) == DecodeResult::kOk);
  const std::string bytes = Good().SerializeAsString();
  CHECK(batch.sha256 == Sha256Of(bytes.data(), bytes.size()));
  CHECK(batch.key.rotation == 3);
  const Evidence& evidence = batch.connections.at(0).evidence;
  CHECK(evidence.Get(Field::os_error) == -1);
  CHECK(evidence.Get(Field::outq_bytes) == INT64_MAX);
  CHECK_FALSE(evidence.Has(Field::error_kind));
  CHECK(DecodeEvidence(batch.connections[0].evidence_bytes).present() == evidence.present());
}

TEST_CASE("unknown enumerators are kept as numbers") {
  v1::Batch message = Good();
  message.mutable_session()->set_platform(static_cast<v1::Platform>(77));
  message.mutable_connections(0)->mutable_evidence()->set_error_kind(static_cast<v1::ErrorKind>(99));
  Batch batch;
  REQUIRE(Decode(message, &batch) == DecodeResult::kOk);
  CHECK(batch.session.platform == 77);
  CHECK(batch.connections.at(0).evidence.Get(Field::error_kind) == 99);
}

TEST_CASE("fields that this collector does not know are not kept") {
  v1::Batch message = Good();
  v1::Evidence* evidence = message.mutable_connections(0)->mutable_evidence();
  const std::string known = evidence->SerializeAsString();
  evidence->GetReflection()->MutableUnknownFields(evidence)->AddLengthDelimited(1000, "whatever");
  REQUIRE(evidence->SerializeAsString() != known);
  Batch batch;
  REQUIRE(Decode(message, &batch) == DecodeResult::kOk);
  CHECK(batch.connections.at(0).evidence_bytes == known);
}

TEST_CASE("a record without evidence is a record") {
  v1::Batch message = Good();
  message.mutable_connections(0)->clear_evidence();
  message.mutable_connections(0)->set_token_hash("0123456789abcdef");
  Batch batch;
  REQUIRE(Decode(message, &batch) == DecodeResult::kOk);
  CHECK(batch.connections.at(0).evidence_bytes.empty());
  CHECK(batch.connections[0].evidence.present() == 0);
  CHECK(batch.connections[0].token_hash == "0123456789abcdef");
  CHECK(batch.connections[0].endpoint.empty());
}

TEST_CASE("what cannot be answered with an Ack is no batch") {
  v1::Batch message = Good();
  message.mutable_id()->set_session_id("short");
  CHECK(Decode(message) == DecodeResult::kNotABatch);
  message = Good();
  message.mutable_session()->set_app_id(".hidden");
  CHECK(Decode(message) == DecodeResult::kNotABatch);
}

TEST_CASE("4096 records are taken and one more is not") {
  v1::Batch message = Good();
  while (message.connections_size() < 4096) message.add_connections()->set_number(1);
  CHECK(Decode(message) == DecodeResult::kOk);
  message.add_events();
  CHECK(Decode(message) == DecodeResult::kTooManyRecords);
}

TEST_CASE("a session with more tags than anybody may have is refused before they are read") {
  v1::Batch message = Good();
  while (message.session().tags_size() < 300) message.mutable_session()->add_tags();
  CHECK(Decode(message) == DecodeResult::kTooManyRecords);
}

TEST_CASE("values that break their rule are out of bounds") {
  const auto breaks = [](auto change) {
    v1::Batch message = Good();
    change(&message);
    return Decode(message) == DecodeResult::kOutOfBounds;
  };
  CHECK(breaks([](v1::Batch* b) { b->mutable_connections(0)->set_endpoint("10.0.0.1:80"); }));
  CHECK(breaks([](v1::Batch* b) { b->mutable_connections(0)->set_network("My Wifi"); }));
  CHECK(breaks([](v1::Batch* b) { b->mutable_connections(0)->set_number(0); }));
  CHECK(breaks([](v1::Batch* b) { b->mutable_connections(0)->set_token_hash("x"); }));
  CHECK(breaks([](v1::Batch* b) { b->mutable_session()->mutable_crash()->set_module("/home/me/game"); }));
  CHECK(breaks([](v1::Batch* b) { b->mutable_session()->mutable_crash()->set_report_id(std::string(37, 'x')); }));
  CHECK(breaks([](v1::Batch* b) { b->mutable_session()->set_role(static_cast<v1::Role>(5)); }));
  CHECK(breaks([](v1::Batch* b) { b->mutable_session()->add_tags()->set_key("Bad"); }));
  CHECK(breaks([](v1::Batch* b) { b->add_close_totals()->set_count(UINT64_MAX); }));
}
