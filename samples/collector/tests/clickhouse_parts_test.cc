// The parts of the ClickHouse store that need no engine: its URL, its spool, its rows and its literals.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "samples/collector/store/clickhouse/encoder.h"
#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/url.h"
#include "samples/collector/store/clickhouse/spool/spool.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

class SpoolFixture {
 public:
  SpoolFixture() {
    char name[] = "/tmp/spool-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    directory = name;
  }
  ~SpoolFixture() { std::filesystem::remove_all(directory); }

  static SpooledBatch Rows(const std::string& bytes) {
    SpooledBatch batch;
    batch.received_s = 1700000000;
    batch.rows = {{Table::kRecords, 7, bytes}};
    return batch;
  }
  static std::string Content(const Segment& segment) {
    std::string all;
    for (const SpooledBatch& batch : Spool::Load(segment)) {
      for (const SpooledRow& row : batch.rows) all += row.bytes;
    }
    return all;
  }

  std::string directory;
  std::vector<Segment> found;
};

Batch Sample(char session) {
  Batch batch;
  batch.key.session_id.fill(static_cast<uint8_t>(session));
  batch.session.app_id = "game";
  batch.session.app_version = "1.0";
  batch.received_unix_s = batch.reference_unix_s = 1700000000;
  batch.connections.resize(1);
  batch.connections[0].number = 1;
  batch.connections[0].token_hash = std::string(16, 't');
  return batch;
}

}  // namespace

TEST_CASE("a store URL names its nodes, its database, its user and its options") {
  const clickhouse::Settings settings =
      ParseUrl("http://u:p:w@h1:8123,[::1]:8124/drops?cluster=c&spool=/var/s&spool_mb=9");
  CHECK(settings.nodes == std::vector<std::string>{"http://h1:8123", "http://[::1]:8124"});
  CHECK(settings.database == "drops");
  CHECK(settings.user == "u");
  CHECK(settings.password == "p:w");
  CHECK(settings.cluster == "c");
  CHECK(settings.spool == "/var/s");
  CHECK(settings.spool_mb == 9);
}

TEST_CASE("a store URL that would put anything but names into SQL is refused") {
  for (const char* url : {"", "h1:8123/x", "ftp://h1/x", "http://h1:8123", "http://h1:8123/", "http:///x",
                          "http://h1/a b", "http://h1/x;y", "http://h1/x?cluster=c'",
                          "http://h1/x?cluster=", "http://h1/x?spool=", "http://h1/x?spool_mb=0", "http://h1/x?other=1",
                          "http://h 1/x", "http://u'@h1/x"}) {
    CAPTURE(url);
    CHECK_THROWS_AS(ParseUrl(url), StoreError);
  }
}

TEST_CASE("a literal holds any bytes and ends only at its end") {
  CHECK(Quote("gate-1") == "'gate-1'");
  CHECK(Quote("' OR 1 --") == "'\\' OR 1 --'");
  CHECK(Quote("\\") == "'\\\\'");
  CHECK(Quote(std::string("\0\n\xff", 3)) == "'\\x00\\x0A\\xFF'");
}

TEST_CASE("rows are read as they were written, and a short answer is an error") {
  const std::string long_text(300, 'x');
  const std::string bytes =
      RowWriter().U8(1).U32(2).I32(-3).U64(4).Text(long_text).Texts({"a", ""}).Fixed16("f").Take();
  RowReader row(bytes);
  CHECK(row.U8() == 1);
  CHECK(row.U32() == 2);
  CHECK(row.I32() == -3);
  CHECK(row.U64() == 4);
  CHECK(row.Text() == long_text);
  CHECK(row.Texts() == std::vector<std::string>{"a", ""});
  CHECK(row.Fixed16() == std::string("f") + std::string(15, '\0'));
  CHECK_FALSE(row.More());
  CHECK_THROWS_AS(row.U8(), StoreError);
  CHECK_THROWS_AS(RowReader(std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10)).Text(), StoreError);
}

TEST_CASE_FIXTURE(SpoolFixture, "what was appended is there for the next collector, the oldest first") {
  {
    Spool spool(directory, 1 << 20, &found);
    CHECK(found.empty());
    spool.Append({Rows("one"), Rows("two")});
    spool.Close();
    spool.Append({Rows("three")});
  }
  const Spool next(directory, 1 << 20, &found);
  REQUIRE(found.size() == 2);
  CHECK(Content(found[0]) == "onetwo");
  CHECK(Content(found[1]) == "three");
  CHECK(found[0].received_s == 1700000000);
}

TEST_CASE_FIXTURE(SpoolFixture, "a torn or damaged end of a file is left out, what stands before it is kept") {
  {
    Spool spool(directory, 1 << 20, &found);
    spool.Append({Rows("one")});
    spool.Append({Rows("two")});
  }
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/0")) {
    if (entry.path().extension() == ".rows") path = entry.path().string();
  }
  REQUIRE(!path.empty());
  const auto size = std::filesystem::file_size(path);
  for (uintmax_t cut = 0; cut <= size; ++cut) {
    std::filesystem::copy_file(path, directory + "/copy", std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(directory + "/copy", cut);
    const std::string content = Content({directory + "/copy", cut, 0, 0});
    CHECK(content == (cut == size ? "onetwo" : (cut >= size / 2 ? "one" : "")));
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size - 1));
    file.put('!');
  }
  CHECK(Content({path, size, 0, 0}) == "one");
}

TEST_CASE_FIXTURE(SpoolFixture, "a full spool refuses, keeps what it has, and takes again when something left") {
  Spool spool(directory, 1000, &found);
  spool.Append({Rows(std::string(600, 'a'))});
  CHECK_THROWS_AS(spool.Append({Rows(std::string(600, 'b'))}), StoreError);
  const Segment closed = spool.Close();
  CHECK(Content(closed) == std::string(600, 'a'));
  spool.Remove(closed);
  spool.Append({Rows(std::string(600, 'c'))});
  CHECK(Content(spool.Close()) == std::string(600, 'c'));
}

TEST_CASE_FIXTURE(SpoolFixture, "collectors share a spool directory, and what a dead one left is taken over once") {
  auto first = std::make_unique<Spool>(directory, 1 << 20, &found);
  first->Append({Rows("of the first")});
  const Spool second(directory, 1 << 20, &found);
  CHECK(found.empty());  // the first one lives
  first.reset();
  const Spool third(directory, 1 << 20, &found);
  REQUIRE(found.size() == 1);
  CHECK(Content(found[0]) == "of the first");
  found.clear();
  const Spool fourth(directory, 1 << 20, &found);
  CHECK(found.empty());
}

TEST_CASE_FIXTURE(SpoolFixture, "segments of one name replace each other neither when taken over nor when made") {
  { Spool(directory, 1 << 20, &found).Append({Rows("of the first")}); }
  std::filesystem::create_directory(directory + "/1");
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/0")) {
    if (entry.path().extension() != ".rows") continue;
    std::filesystem::copy_file(entry.path(), std::filesystem::path(directory + "/1") / entry.path().filename());
    // And one of a clock that was ahead.
    std::filesystem::copy_file(entry.path(), directory + "/0/9000000000000000.rows");
  }
  {
    Spool next(directory, 1 << 20, &found);
    CHECK(found.size() == 3);
    next.Append({Rows("the newest")});
  }
  found.clear();
  const Spool last(directory, 1 << 20, &found);
  REQUIRE(found.size() == 4);
  CHECK(Content(found[3]) == "the newest");
}

TEST_CASE_FIXTURE(SpoolFixture, "a segment that cannot be read is an error, never an empty one") {
  CHECK_THROWS_AS(Spool::Load({directory + "/nothing", 0, 0, 0}), StoreError);
  CHECK_THROWS_AS(Spool::Load({directory, 0, 0, 0}), StoreError);
}

TEST_CASE("a collector knows a batch that comes again, until its rows were not kept") {
  Stamps stamps;
  Metrics metrics;
  Encoder encoder(1, &stamps, &metrics);
  Batch batch = Sample('a');
  SpooledBatch rows;
  CHECK(encoder.Encode(&batch, &rows) == StoreVerdict::kAccepted);
  // App, version, session, that it is to be counted, the record, where its links lead: three of these make work.
  CHECK(rows.rows.size() == 9);
  CHECK(encoder.Encode(&batch, &rows) == StoreVerdict::kDuplicate);
  Batch other = Sample('a');
  other.sha256[0] = 1;
  CHECK(encoder.Encode(&other, &rows) == StoreVerdict::kConflict);
  Batch server = Sample('a');
  server.session.role = Role::kServer;
  CHECK(encoder.Encode(&server, &rows) == StoreVerdict::kConflict);
  encoder.Forget();
  CHECK(encoder.Encode(&batch, &rows) == StoreVerdict::kAccepted);
}

TEST_CASE("both ends of a connection go to one shard, and what one sender makes up is limited") {
  Stamps stamps;
  Metrics metrics;
  Encoder encoder(1, &stamps, &metrics);
  SpooledBatch client, server;
  Batch one = Sample('a');
  CHECK(encoder.Encode(&one, &client) == StoreVerdict::kAccepted);
  Batch two = Sample('s');
  two.session.role = Role::kServer;
  CHECK(encoder.Encode(&two, &server) == StoreVerdict::kAccepted);
  CHECK(client.rows.back().table == Table::kWork);
  CHECK(client.rows.back().key_hash == server.rows.back().key_hash);
  for (int i = 0; i < 1200; ++i) {
    Batch batch = Sample('x');
    batch.key.rotation = static_cast<uint32_t>(i);
    batch.connections[0].endpoint = "gate-" + std::to_string(i);
    SpooledBatch rows;
    CHECK(encoder.Encode(&batch, &rows) == StoreVerdict::kAccepted);
  }
  CHECK(metrics.Get(Counter::kLabelsFolded) == 200);
  CHECK(metrics.Get(Counter::kTokensOverused) == 1200 + 2 - 64);
}
