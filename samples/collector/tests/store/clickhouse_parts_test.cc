// The parts of the ClickHouse store that need no engine: its URL, its rows and its literals.
#include <doctest/doctest.h>

#include "samples/collector/store/clickhouse/encoding/encoder.h"
#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/url.h"
#include "samples/collector/tests/store/spool_rows.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

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

TEST_CASE(
    "a password may hold any bytes but a line's end, written as RFC 3986 demands where a URL has a use for them") {
  const auto password = [](const std::string& written) { return ParseUrl("http://u:" + written + "@h/d").password; };
  CHECK(password("%3F%40%25%3A%2F%23%5b%e2%82%ac") == "?@%:/#[\xe2\x82\xac");
  CHECK(password("a:b@c") == "a:b@c");
  CHECK(password("") == "");
  CHECK(ParseUrl("http://u:p@h/d?spool=/a%40%20b").spool == "/a@ b");
  for (const char* wrong : {"se?cret", "se/cret", "se#cret", "se%cret", "secret%", "secret%4", "se/c?ret", "secret%0a",
                            "secret%00", "se/cret?spool_mb=1"}) {
    CAPTURE(wrong);
    std::string error;
    try {
      password(wrong);
    } catch (const StoreError& refusal) {
      error = refusal.what();
    }
    CHECK(!error.empty());
    CHECK(error.find("cret") == std::string::npos);
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

TEST_CASE("a collector knows a batch that comes again, until its rows were not kept") {
  Stamps stamps;
  Metrics metrics;
  Encoder encoder(1, &stamps, &metrics);
  Batch batch = Sample('a');
  SpooledBatch rows;
  CHECK(encoder.Encode(&batch, &rows) == StoreVerdict::kAccepted);
  // App, version, session, that it is to be counted, the record, where its links lead: three of these make work.
  CHECK(rows.rows() == 9);
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
  const FramesRead client_read = ReadFrames(Frame(kMark, 0, client), kMark);
  const FramesRead server_read = ReadFrames(Frame(kMark, 0, server), kMark);
  CHECK(client_read.batches[0].rows.back().table == Table::kWork);
  CHECK(client_read.batches[0].rows.back().key_hash == server_read.batches[0].rows.back().key_hash);
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
