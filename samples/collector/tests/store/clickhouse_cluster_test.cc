// The engine's connection against nodes that are none: one that answers, and one that takes connections and then says
// nothing, as a machine that is stuck does.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "samples/collector/store/clickhouse/engine/question.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/table_check.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/clickhouse/spool/delivery.h"
#include "samples/collector/store/clickhouse/spool/sender.h"
#include "samples/collector/store/clickhouse/spool/sent_segments.h"
#include "samples/collector/store/clickhouse/store.h"
#include "tests/support/test_directory.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

// Much more than a silent node may cost, much less than an answer may take.
constexpr seconds kSoon{40};

// Listens; what connects is taken by the system, and never hears a word.
class SilentNode {
 public:
  SilentNode() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(fd_, 100) == 0);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentNode() { close(fd_); }
  SilentNode(const SilentNode&) = delete;
  SilentNode& operator=(const SilentNode&) = delete;

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  void WaitUntilAsked() const {
    pollfd wanted{fd_, POLLIN, 0};
    REQUIRE(poll(&wanted, 1, 60000) == 1);
  }

 protected:
  const int fd_;

 private:
  uint16_t port_ = 0;
};

// The only node of a cluster's only shard, without a row in it.
class AnsweringNode : public SilentNode {
 public:
  // How it meets who asks.
  static constexpr const char* kLong = "SELECT 'long'";
  enum class Mood {
    kWell,
    kOtherTables,  // of another shape
    kAway,         // closes every connection without a word
    kAlone,        // cannot ask another shard
    kWorking,      // on the long question, and answers short ones meanwhile
    kStopped,      // takes every question and says nothing any more
    kBare,         // has no tables
    kFailing,      // says 200, and then that it has failed
    kStranger,     // is no engine
  };
  AnsweringNode() : thread_([this] { Serve(); }) {}
  ~AnsweringNode() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (const int peer : held_) close(peer);
  }

  void Be(Mood mood) {
    const std::lock_guard<std::mutex> lock(mutex_);
    mood_ = mood;
    checks_ = 0;
  }
  // Until its tables were looked at, or it was asked whether it lives, so often in its present mood.
  bool WaitForChecks(int checks) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kSoon, [&] { return checks_ >= checks; });
  }
  // The long question has its answer.
  void Finish() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const int peer : held_) {
      Send(peer, "200 OK", "done");
      close(peer);
    }
    held_.clear();
  }
  bool HasInserts() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !inserts_.empty();
  }
  // Lines and bodies.
  std::string TakeInserts() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(inserts_, "");
  }
  bool WaitForInsert(const std::string& table) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kSoon,
                             [&] { return inserts_.find("drops%2E" + table + "%20") != std::string::npos; });
  }

 private:
  void Serve() {
    for (int peer = accept(fd_, nullptr, nullptr); peer >= 0; peer = accept(fd_, nullptr, nullptr)) {
      if (Answer(peer)) close(peer);
    }
  }

  static void Send(int peer, const char* status, const std::string& body) {
    const std::string answer = std::string("HTTP/1.1 ") + status +
                               "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                               body;
    send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  // False: it waits for its answer.
  bool Answer(int peer) {
    std::string request;
    char piece[65536];
    size_t wanted = std::string::npos;
    while (request.size() < wanted) {
      const ssize_t count = read(peer, piece, sizeof piece);
      if (count <= 0) return true;
      request.append(piece, static_cast<size_t>(count));
      const size_t head = request.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const size_t length = request.find("Content-Length: ");
      wanted = head + 4 + std::strtoul(request.c_str() + length + 16, nullptr, 10);
    }
    const std::string line = request.substr(0, request.find('\r'));
    std::string body;
    const char* status = "200 OK";
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (line.find("INSERT") != std::string::npos)
        inserts_ += line + "\n" + request.substr(request.find("\r\n\r\n")) + "\n";
      const bool is_long = request.find(kLong) != std::string::npos;
      const bool is_short = request.find("SELECT 1") != std::string::npos;
      if (mood_ == Mood::kAway || request.find("system.columns") != std::string::npos) ++checks_;
      if (mood_ == Mood::kWorking && is_short) ++checks_;
      changed_.notify_all();
      if (mood_ == Mood::kAway) return true;
      if (mood_ == Mood::kStopped || (mood_ == Mood::kWorking && is_long)) {
        held_.push_back(peer);
        return false;
      }
      body = BodyFor(request);
      const bool asks_others = request.find("_all ") != std::string::npos;
      if (mood_ == Mood::kAlone && asks_others) status = "500 Internal Server Error";
      if (mood_ == Mood::kBare && is_long) status = "404 Not Found";
      if (mood_ == Mood::kFailing && line.find("INSERT") != std::string::npos) body = "Code: 243, no space";
      if (mood_ == Mood::kStranger) body = "<html>";
    }
    Send(peer, status, body);
    return true;
  }

  std::string Columns() const {
    RowWriter rows;
    for (const std::string& table : TableNames()) {
      for (const Column& column : ColumnsOf(table)) {
        const bool differs = mood_ == Mood::kOtherTables && column.name == "evidence";
        for (const char* everywhere : {"", "_all"})
          rows.Text(table + everywhere).Text(column.name).Text(differs ? "UInt8" : column.type);
      }
    }
    return rows.Take();
  }
  std::string BodyFor(const std::string& request) const {
    const auto asks = [&request](const char* what) { return request.find(what) != std::string::npos; };
    if (asks("SELECT 1 FORMAT")) return "1\n";
    if (asks("system.clusters")) return RowWriter().U32(1).U32(1).Take();
    if (asks("system.replicas")) return RowWriter().U8(0).U64(0).U8(0).U64(0).U8(0).U64(8).Take();
    if (asks("system.columns")) return Columns();
    if (asks("max(version), argMax(oldest")) return RowWriter().U32(kSchemaVersion).U32(kOldestVersionBeside).Take();
    if (asks("max(received_s)")) return RowWriter().U32(0).Take();
    return "";
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string inserts_;  // guarded by mutex_, as all that follows
  Mood mood_ = Mood::kWell;
  int checks_ = 0;
  std::vector<int> held_;
  std::thread thread_;
};

Batch OneConnection() {
  Batch batch;
  batch.key.session_id.fill(1);
  batch.session.app_id = "game";
  batch.session.app_version = "1.0";
  batch.received_unix_s = batch.reference_unix_s = 1700000000;
  batch.connections.resize(1);
  batch.connections[0].number = 1;
  return batch;
}

std::string Url(const SilentNode& one, const SilentNode& other) {
  return "http://" + one.host() + "," + other.host() + "/drops?cluster=c";
}

}  // namespace

TEST_CASE("a node that says nothing keeps nobody but who asks it, and him not for long") {
  AnsweringNode good;
  SilentNode silent;
  Cluster cluster(ParseUrl(Url(good, silent)));
  std::thread asks([&cluster] { cluster.Discover(); });
  silent.WaitUntilAsked();
  auto started = Clock::now();
  // With a lock held meanwhile this would wait for the silent one.
  REQUIRE(cluster.Replicas(0).size() == 1);
  CHECK(cluster.Insert(0, "records", "rows")->url() == "http://" + good.host());
  for (int i = 0; i < 50; ++i) cluster.Ask("SELECT 2");
  CHECK(Clock::now() - started < kSoon);
  asks.join();
  // Known for what it is, it costs nothing.
  started = Clock::now();
  for (int i = 0; i < 50; ++i) cluster.Ask("SELECT 2");
  CHECK(Clock::now() - started < seconds(10));
  CHECK(cluster.EachShardIsReached());
}

TEST_CASE("a node is waited for as long as it says that it lives, and no longer where it stops in the middle") {
  AnsweringNode node;
  clickhouse::Settings settings = ParseUrl("http://" + node.host() + "/drops");
  settings.watch_every = std::chrono::milliseconds(50);
  Node asked(settings.nodes[0], settings);
  const auto ask = [&asked] { return asked.Ask(AnsweringNode::kLong); };
  node.Be(AnsweringNode::Mood::kWorking);
  auto answer = std::async(std::launch::async, ask);
  CHECK(node.WaitForChecks(4));
  node.Finish();
  CHECK(answer.get() == "done");

  node.Be(AnsweringNode::Mood::kWorking);
  const auto started = Clock::now();
  answer = std::async(std::launch::async, ask);
  CHECK(node.WaitForChecks(2));
  node.Be(AnsweringNode::Mood::kStopped);
  CHECK_THROWS_AS(answer.get(), Unreachable);
  CHECK(Clock::now() - started < kSoon);
}

TEST_CASE("a question is given up when the collector stops, however long its node would work on it") {
  AnsweringNode node;
  clickhouse::Settings settings = ParseUrl("http://" + node.host() + "/drops");
  settings.watch_every = std::chrono::milliseconds(50);
  Cluster cluster(settings);
  std::atomic<bool> stopping{false};
  const auto ask = [&](const std::string& sql) { return Question(&cluster, seconds(0), &stopping).Ask(sql); };
  node.Be(AnsweringNode::Mood::kWorking);
  auto answer = std::async(std::launch::async, [&] { return ask(AnsweringNode::kLong); });
  CHECK(node.WaitForChecks(2));
  CHECK(answer.wait_for(seconds(0)) == std::future_status::timeout);
  const auto stopped = Clock::now();
  stopping = true;
  CHECK_THROWS_WITH_AS(answer.get(), "the collector is stopping", QuestionGivenUp);
  CHECK_THROWS_AS(ask("SELECT 2"), QuestionGivenUp);
  CHECK(Clock::now() - stopped < kSoon);
}

TEST_CASE("an answer that is none is no success, and another node is asked") {
  AnsweringNode good, other;
  Cluster cluster(ParseUrl(Url(good, other)));
  cluster.Discover();
  REQUIRE(cluster.Replicas(0).size() == 2);
  for (const auto mood : {AnsweringNode::Mood::kFailing, AnsweringNode::Mood::kStranger}) {
    other.Be(mood);
    for (int i = 0; i < 4; ++i) CHECK(cluster.Insert(0, "records", "rows")->url() == "http://" + good.host());
  }
  other.Be(AnsweringNode::Mood::kBare);
  for (int i = 0; i < 4; ++i) CHECK_NOTHROW(cluster.Ask(AnsweringNode::kLong));
  other.Be(AnsweringNode::Mood::kStranger);
  const clickhouse::Settings settings = ParseUrl("http://" + other.host() + "/drops");
  CHECK_THROWS_WITH_AS(Node(settings.nodes[0], settings).Ask("SELECT 2"), doctest::Contains("no ClickHouse"),
                       Unreachable);
  for (AnsweringNode* node : {&good, &other}) node->Be(AnsweringNode::Mood::kFailing);
  CHECK_THROWS_WITH_AS(cluster.Insert(0, "records", "rows"), doctest::Contains("no space"), StoreError);
}

TEST_CASE("a segment that cannot be read is set aside, and holds up no other") {
  const TestDirectory directory;
  AnsweringNode good;
  Cluster cluster(ParseUrl("http://" + good.host() + "/drops"));
  Metrics metrics;
  Stamps stamps;
  std::vector<Segment> found;
  {
    Spool spool(directory.path(), 1 << 20, &metrics, &found);
    Delivery delivery(&cluster, &spool, 7, &stamps, &metrics);
    SentSegments sent(&cluster, &spool, &delivery);
    TableCheck tables(&cluster, false);
    const auto append = [&spool](Table table) {
      SpooledBatch batch;
      batch.Add(table, 7, "a row");
      spool.Append({batch});
      return spool.Close();
    };
    const Segment first = append(Table::kLabels);
    std::filesystem::rename(first.path, first.path + ".away");
    Sender sender(&cluster, &tables, &spool, &delivery, &sent, {first}, [] {});
    sender.Start();
    const Segment second = append(Table::kSessions);
    sender.Take(second, ClosedFor::kItsTime);
    CHECK(sender.WaitUntilSent(Clock::now() + kSoon));
    CHECK(good.WaitForInsert("sessions"));
    CHECK(sent.count() == 1);
    CHECK(spool.bytes() == second.bytes);
    // It is found with what others left.
    std::filesystem::rename(first.path + ".away", first.path);
    CHECK(good.WaitForInsert("labels"));
    sender.Stop(Clock::now());
    CHECK(sent.count() == 2);
    CHECK(spool.bytes() == first.bytes + second.bytes);
  }
}

TEST_CASE("what the engine does not take is tried again, and not read again") {
  const TestDirectory directory;
  AnsweringNode node;
  Cluster cluster(ParseUrl("http://" + node.host() + "/drops"));
  Metrics metrics;
  Stamps stamps;
  std::vector<Segment> found;
  Spool spool(directory.path(), 1 << 20, &metrics, &found);
  Delivery delivery(&cluster, &spool, 7, &stamps, &metrics);
  SentSegments sent(&cluster, &spool, &delivery);
  TableCheck tables(&cluster, false);
  Sender sender(&cluster, &tables, &spool, &delivery, &sent, {}, [] {});
  SpooledBatch batch;
  batch.Add(Table::kSessions, 7, "a row");
  spool.Append({batch});
  const Segment segment = spool.Close();
  node.Be(AnsweringNode::Mood::kFailing);
  sender.Start();
  sender.Take(segment, ClosedFor::kItsTime);
  CHECK(node.WaitForInsert("sessions"));
  std::filesystem::rename(segment.path, segment.path + ".away");
  node.Be(AnsweringNode::Mood::kWell);
  CHECK(sender.WaitUntilSent(Clock::now() + kSoon));
  CHECK(sent.count() == 1);
}

TEST_CASE("what another collector may have sent is to be taken anyway, and its work is one's own") {
  const TestDirectory directory;
  AnsweringNode good;
  Cluster cluster(ParseUrl("http://" + good.host() + "/drops"));
  Metrics metrics;
  Stamps stamps;
  std::vector<Segment> found;
  Spool spool(directory.path(), 1 << 20, &metrics, &found);
  Delivery delivery(&cluster, &spool, 7, &stamps, &metrics);
  const auto work = [](uint64_t due_us, uint32_t owner) {
    return RowWriter().Day(1700000000).U64(due_us).Text("game").Fixed16("key").U32(owner).U8(0).Take();
  };
  SpooledBatch batch;
  batch.Add(Table::kWork, 7, work(1700000000000000, 9));
  spool.Append({batch});
  Segment segment = spool.Close();
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  delivery.Insert(delivery.Prepare(&segment));
  std::string sent = good.TakeInserts();
  CHECK(has(sent, work(1700000000000000, 9)));
  CHECK_FALSE(has(sent, "insert_deduplicate"));
  segment.was_found = true;
  delivery.Insert(delivery.Prepare(&segment));
  sent = good.TakeInserts();
  CHECK(has(sent, work(1700000000000000, 7)));
  CHECK(has(sent, "insert_deduplicate=0"));
  delivery.SendAgain(&segment, 1700000050);
  sent = good.TakeInserts();
  CHECK(has(sent, work(1700000050000000, 7)));
  CHECK(has(sent, "insert_deduplicate=0"));
}

TEST_CASE("batches are taken and brought in, and questions answered, while a node says nothing") {
  const TestDirectory directory;
  AnsweringNode good;
  SilentNode silent;
  Metrics metrics;
  {
    const auto started = Clock::now();
    ClickHouseStore store(
        Url(silent, good) + "&block_ms=50&spool=" + directory.path(), [] { return int64_t{1700000000}; }, {}, &metrics);
    std::promise<StoreVerdict> verdict;
    const auto asked = Clock::now();
    REQUIRE(store.Submit(OneConnection(), [&verdict](StoreVerdict got) { verdict.set_value(got); }));
    CHECK(verdict.get_future().get() == StoreVerdict::kAccepted);
    CHECK(Clock::now() - asked < seconds(10));
    CHECK(store.ListApps().empty());
    CHECK(good.WaitForInsert("work"));
    CHECK(Clock::now() - started < kSoon);
  }
}

TEST_CASE("what a collector has in its spool waits where the tables turn out to be of another shape") {
  const TestDirectory directory;
  AnsweringNode node;
  Metrics metrics;
  const std::string url = "http://" + node.host() + "/drops?block_ms=50&spool=" + directory.path();
  const auto clock = [] { return int64_t{1700000000}; };
  node.Be(AnsweringNode::Mood::kOtherTables);
  CHECK_THROWS_WITH_AS(ClickHouseStore(url, clock, {}, &metrics),
                       doctest::Contains("'evidence' in 'records' is UInt8 and not String"), StoreError);
  node.Be(AnsweringNode::Mood::kAway);
  {
    ClickHouseStore store(url, clock, {}, &metrics);
    std::promise<StoreVerdict> verdict;
    REQUIRE(store.Submit(OneConnection(), [&verdict](StoreVerdict got) { verdict.set_value(got); }));
    CHECK(verdict.get_future().get() == StoreVerdict::kAccepted);
    CHECK(node.WaitForChecks(3));
    node.Be(AnsweringNode::Mood::kOtherTables);
    CHECK(node.WaitForChecks(3));
    CHECK_FALSE(node.HasInserts());
    node.Be(AnsweringNode::Mood::kWell);
    CHECK(node.WaitForInsert("work"));
  }
}

TEST_CASE("a shard that is away keeps no collector from starting and from taking batches") {
  const TestDirectory directory;
  AnsweringNode node;
  Metrics metrics;
  node.Be(AnsweringNode::Mood::kAlone);
  {
    ClickHouseStore store(
        "http://" + node.host() + "/drops?cluster=c&block_ms=50&spool=" + directory.path(),
        [] { return int64_t{1700000000}; }, {}, &metrics);
    std::promise<StoreVerdict> verdict;
    REQUIRE(store.Submit(OneConnection(), [&verdict](StoreVerdict got) { verdict.set_value(got); }));
    CHECK(verdict.get_future().get() == StoreVerdict::kAccepted);
    CHECK_THROWS_AS(store.ListApps(), StoreError);
    CHECK(node.WaitForInsert("work"));
  }
}
