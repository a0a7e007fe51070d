// The whydrop command: what it shows is what is sent, and what stands in a file cannot harm the terminal.
#include <doctest/doctest.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>

#include "core/sha256.h"
#include "platform/identity.h"
#include "ring/ring_writer.h"
#include "support/child.h"
#include "support/test_directory.h"
#include "tools/inspect.h"
#include "tools/load.h"
#include "tools/text.h"
#include "upload/gzip.h"
#include "upload/outbox.h"

namespace {

using namespace whydrop;
using tools::Loaded;

constexpr size_t kRingBytes = 256 * 1024;

enum class Owner { kThisProcess, kNobody };

// A ring with a session of one reset connection, one left open, and a tag.
void WriteRing(const std::string& path, Owner owner) {
  static_assert(sizeof(platform::Id16) == 16);
  RingLayout layout;
  REQUIRE(PlanRing(kRingBytes, 64, &layout));
  static std::deque<platform::RingStorage> storages;  // a ring's memory must outlive every writer
  platform::RingStorage* storage = &storages.emplace_back();
  REQUIRE(storage->Create(path, layout.total_bytes).ok());
  RingIdentity identity;
  identity.session_id.fill(0xab);
  identity.boot_id = platform::BootId();
  const platform::ProcessIdentity self = platform::CurrentProcess();
  identity.pid = self.pid;
  // The same pid with another start time is a process that is gone.
  identity.process_start = owner == Owner::kThisProcess ? self.start_time : self.start_time + 1;
  identity.pid_namespace = self.pid_namespace;
  identity.nonce = 7;
  identity.started_unix_ms = 1700000000000;
  identity.system = 1;
  std::strcpy(identity.app_id, "game");
  std::strcpy(identity.app_version, "1.2");

  RingWriter writer;
  writer.Format(storage, layout, identity);
  CHECK(writer.SetTag("map", 3, "desert", 6));
  ConnectionIdentity connection;
  connection.protocol = WHYDROP_TCP;
  std::strcpy(connection.endpoint, "gate-1");
  const ConnectionRef reset = writer.OpenConnection(connection);
  Evidence evidence;
  evidence.Set(Field::protocol, WHYDROP_TCP);
  evidence.Set(Field::established, 1);
  evidence.Set(Field::error_kind, static_cast<int64_t>(ErrorKind::kReset));
  evidence.Set(Field::os_error, 104);
  evidence.Set(Field::operation, WHYDROP_OP_RECV);
  evidence.Set(Field::outq_bytes, 0);
  evidence.Set(Field::retransmits, 0);
  const Verdict verdict = ClassifyConnection(evidence);
  REQUIRE(writer.EndConnection(reset, evidence, verdict.cause, verdict.confidence));
  std::strcpy(connection.endpoint, "gate-2");
  REQUIRE(writer.OpenConnection(connection).valid());
  writer.WriteThrough();
  storage->Retire();
}

Loaded MustLoad(const std::string& path) {
  Loaded loaded;
  std::string error;
  INFO(error);
  REQUIRE(tools::Load(path, &loaded, &error));
  return loaded;
}

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Runs the command; its output goes to *output.
int64_t Command(const ChildArguments& arguments, std::string* output = nullptr) {
  Child command(WHYDROP_COMMAND, arguments);
  REQUIRE(command.started());
  command.CloseInput();
  const std::string text = command.ReadAll();
  if (output != nullptr) *output = text;
  return command.Wait();
}

TEST_CASE("what stands in a file cannot control the terminal") {
  CHECK(tools::Safe("gate-1 \"x\"") == "gate-1 \"x\"");
  CHECK(tools::Safe("\x1b]0;title\x07\r\n\\") == "\\x1b]0;title\\x07\\x0d\\x0a\\x5c");
  CHECK(tools::Safe("\xc2\x9b") == "\\xc2\\x9b");

  Loaded loaded;
  v1::Batch batch;
  const std::string hostile = "\x1b[2J\nlost         0\x7f";
  batch.mutable_session()->set_app_id(hostile);
  batch.mutable_session()->set_app_version(hostile);
  batch.mutable_session()->set_sdk_version(hostile);
  batch.mutable_session()->mutable_crash()->set_module(hostile);
  batch.mutable_session()->mutable_crash()->set_report_id(hostile);
  v1::Tag* tag = batch.mutable_session()->add_tags();
  tag->set_key(hostile);
  tag->set_value(hostile);
  v1::Connection* connection = batch.add_connections();
  connection->set_endpoint(hostile);
  connection->set_network(hostile);
  batch.add_close_totals()->set_endpoint(hostile);
  loaded.batches.push_back(batch);
  std::string json;
  REQUIRE(tools::InspectJson(loaded, &json));
  for (const std::string& text : {tools::InspectText(loaded), json}) {
    CHECK(std::none_of(text.begin(), text.end(), [](char c) { return c != '\n' && (c < 0x20 || c == 0x7f); }));
    CHECK_FALSE(Contains(text, "\nlost"));
  }
}

TEST_CASE("every field of the wire's evidence reaches the classifier") {
  const auto* descriptor = v1::Evidence::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    INFO(field->name());
    v1::Evidence message;
    const auto* reflection = message.GetReflection();
    using google::protobuf::FieldDescriptor;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) reflection->SetBool(&message, field, true);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) reflection->SetEnumValue(&message, field, 1);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) reflection->SetInt64(&message, field, 1);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) reflection->SetUInt64(&message, field, 1);
    const Evidence evidence = tools::ToEvidence(message);
    REQUIRE(FieldName(field->number()) != nullptr);
    CHECK(field->name() == FieldName(field->number()));
    CHECK(evidence.present() == uint64_t{1} << field->number());
    CHECK(evidence.Get(static_cast<Field>(field->number())) == 1);
  }
}

TEST_CASE("a ring of a dead process is shown with its end, its tags and the reason of every close") {
  TestDirectory directory;
  const std::string path = directory.File("a.ring");
  WriteRing(path, Owner::kNobody);
  const std::string before = directory.Read("a.ring");
  const Loaded loaded = MustLoad(path);
  CHECK(loaded.kind == Loaded::Kind::kRing);
  CHECK(loaded.state == Loaded::State::kEnded);
  CHECK(loaded.damage.empty());
  const std::string text = tools::InspectText(loaded);
  INFO(text);
  CHECK(Contains(text, "end          client_killed (medium confidence)"));
  CHECK(Contains(text, "map = desert"));
  CHECK(Contains(text, "#1 to gate-1, tcp: server_reset (medium confidence)"));
  CHECK(Contains(text, "#2 to gate-2"));
  CHECK(Contains(text, "left open: client_killed"));
  CHECK(directory.Read("a.ring") == before);
}

TEST_CASE("a ring whose process lives is shown as running and without an end") {
  TestDirectory directory;
  const std::string path = directory.File("a.ring");
  WriteRing(path, Owner::kThisProcess);
  const Loaded loaded = MustLoad(path);
  CHECK(loaded.state == Loaded::State::kRunning);
  const std::string text = tools::InspectText(loaded);
  INFO(text);
  CHECK(Contains(text, "still running"));
  CHECK_FALSE(Contains(text, "client_killed"));
  CHECK(Contains(text, "#2 to gate-2, tcp: open\n"));
}

TEST_CASE("a batch file is shown and exported as the bytes that are sent") {
  TestDirectory directory;
  WriteRing(directory.File("a.ring"), Owner::kNobody);
  const Loaded ring = MustLoad(directory.File("a.ring"));
  REQUIRE(ring.batches.size() == 1);
  BatchFile file;
  file.session_id.fill(0xab);
  const std::string body = ring.batches[0].SerializeAsString();
  file.sha256 = Sha256Of(body.data(), body.size());
  REQUIRE(Gzip(body, &file.body).ok());
  directory.Write("a.batch", EncodeBatchFile(file));

  const Loaded batch = MustLoad(directory.File("a.batch"));
  CHECK(batch.kind == Loaded::Kind::kBatch);
  REQUIRE(batch.batches.size() == 1);
  CHECK(batch.batches[0].SerializeAsString() == body);

  std::string from_ring, from_batch;
  CHECK(Command({"export", directory.File("a.ring")}, &from_ring) == 0);
  CHECK(Command({"export", directory.File("a.batch")}, &from_batch) == 0);
  CHECK(from_ring == from_batch);
  v1::Batch parsed;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(from_batch, &parsed));
  CHECK(parsed.SerializeAsString() == body);
}

TEST_CASE("the JSON is one well-formed object") {
  TestDirectory directory;
  WriteRing(directory.File("a.ring"), Owner::kNobody);
  std::string json;
  REQUIRE(Command({"inspect", "--json", directory.File("a.ring")}, &json) == 0);
  google::protobuf::Struct object;
  REQUIRE(google::protobuf::util::JsonStringToMessage(json, &object).ok());
  CHECK(object.fields().at("kind").string_value() == "ring");
  CHECK(object.fields().at("end").string_value() == "client_killed");
  CHECK(object.fields().at("verdicts").list_value().values_size() == 2);
  CHECK(object.fields().at("batches").list_value().values_size() == 1);
}

TEST_CASE("a file that is damaged, cut, empty or something else is refused with a reason and no crash") {
  TestDirectory directory;
  const std::string path = directory.File("a.ring");
  WriteRing(path, Owner::kNobody);
  const std::string good = directory.Read("a.ring");
  Loaded loaded;
  std::string error;
  for (const std::string& bytes : {std::string(), good.substr(0, 100), good.substr(0, 5000),
                                   std::string(good.size(), '\xff'), std::string("WHYDROP")}) {
    directory.Write("a.ring", bytes);
    CHECK_FALSE(tools::Load(path, &loaded, &error));
    CHECK(Contains(error, "neither a ring nor a batch"));
  }
  CHECK_FALSE(tools::Load(directory.File("missing"), &loaded, &error));
  CHECK(error == "there is no such file");
  CHECK_FALSE(tools::Load(directory.File("."), &loaded, &error));
}

TEST_CASE("a file with another alphabet in its name is found") {
  const TestDirectory directory;
  const std::string path = directory.File("Zażółć 玩家.ring");
  WriteRing(path, Owner::kNobody);
  std::string output;
  CHECK(Command({"inspect", path}, &output) == 0);
  CHECK(Contains(output, "client_killed"));
}

TEST_CASE("the exit code tells success, an unreadable file and wrong usage apart") {
  std::string output;
  CHECK(Command({"--version"}, &output) == 0);
  CHECK(output == std::string("whydrop ") + WHYDROP_VERSION_STRING + "\n");
  CHECK(Command({"--help"}, &output) == 0);
  CHECK(Contains(output, "whydrop inspect FILE"));
  CHECK(Command({"inspect", "/nonexistent/x.ring"}, &output) == 1);
  CHECK(Contains(output, "/nonexistent/x.ring: there is no such file"));
  const ChildArguments mistakes[] = {{},
                                     {"inspect"},
                                     {"inspect", "a", "b"},
                                     {"export", "--json", "a"},
                                     {"frobnicate", "a"},
                                     {"inspect", "--wrong", "a"}};
  for (const ChildArguments& wrong : mistakes) {
    CAPTURE(wrong.size());
    CHECK(Command(wrong, &output) == 2);
    CHECK(Contains(output, "--help"));
  }
}

}  // namespace
