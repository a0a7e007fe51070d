// What a collector in front of ClickHouse has acknowledged: it survives the collector, and damage costs no more than
// what is damaged.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "samples/collector/store/clickhouse/spool/spool.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

namespace fs = std::filesystem;

class SpoolFixture {
 public:
  SpoolFixture() {
    char name[] = "/tmp/spool-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    directory = name;
  }
  ~SpoolFixture() { fs::remove_all(directory); }

  static SpooledBatch Rows(const std::string& bytes) {
    SpooledBatch batch;
    batch.received_s = 1700000000;
    batch.rows = {{Table::kRecords, 7, bytes}};
    return batch;
  }
  std::unique_ptr<Spool> Open(uint64_t max_bytes = 1 << 20) {
    found.clear();
    return std::make_unique<Spool>(directory, max_bytes, &metrics, &found);
  }
  static std::string Content(const std::vector<SpooledBatch>& batches) {
    std::string all;
    for (const SpooledBatch& batch : batches) {
      for (const SpooledRow& row : batch.rows) all += row.bytes;
    }
    return all;
  }
  static std::string Content(Spool* spool, Segment segment) { return Content(spool->Load(&segment)); }

  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.path().extension() == ending) paths.push_back(entry.path().string());
    }
    return paths;
  }
  std::string OnlyFile() const {
    const auto paths = Files(".rows");
    REQUIRE(paths.size() == 1);
    return paths[0];
  }
  static std::string ReadFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void WriteFile(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  uint64_t Lost() const { return metrics.Get(Counter::kSpoolLostBatches); }
  uint64_t Damaged() const { return metrics.Get(Counter::kSpoolDamagedBytes); }
  uint64_t Unfinished() const { return metrics.Get(Counter::kSpoolUnfinishedBytes); }

  std::string directory;
  Metrics metrics;
  std::vector<Segment> found;
};

// A file of three batches, with its end unless its collector was killed.
const std::string kMark = "0123456789abcdef";
std::vector<std::string> FramesOf(const std::vector<std::string>& batches) {
  std::vector<std::string> frames;
  for (const std::string& bytes : batches)
    frames.push_back(Frame(kMark, static_cast<uint32_t>(frames.size()), SpoolFixture::Rows(bytes)));
  return frames;
}
std::string InOne(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text;
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(SpoolFixture, "what was appended is there for the next collector, the oldest first") {
  {
    const auto spool = Open();
    CHECK(found.empty());
    spool->Append({Rows("one"), Rows("two")});
    spool->Close();
    spool->Append({Rows("three")});
  }
  const auto next = Open();
  REQUIRE(found.size() == 2);
  CHECK(Content(next.get(), found[0]) == "onetwo");
  CHECK(Content(next.get(), found[1]) == "three");
  CHECK(found[0].received_s == 1700000000);
  CHECK(Lost() + Damaged() + Unfinished() == 0);
}

TEST_CASE("any byte of a segment that flips costs the batch it lies in, and is counted") {
  const auto frames = FramesOf({"one", "two", "three"});
  const std::string end = EndFrame(kMark, 3);
  const std::string whole = InOne(frames) + end;
  CHECK(SpoolFixture::Content(ReadFrames(whole, kMark).batches) == "onetwothree");
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      const FramesRead read = ReadFrames(bytes, kMark);
      std::vector<std::string> left = {"one", "two", "three"};
      size_t hit = 0;
      for (size_t before = at; hit < 3 && before >= frames[hit].size(); ++hit) before -= frames[hit].size();
      if (hit < 3) left[hit].clear();
      CAPTURE(at);
      CAPTURE(bit);
      REQUIRE(SpoolFixture::Content(read.batches) == InOne(left));
      REQUIRE(read.written == 3);
      // The last frame of all may as well be one that was never finished.
      REQUIRE(read.damaged_bytes + read.unfinished_bytes == (hit < 3 ? frames[hit].size() : end.size()));
      REQUIRE((hit == 3 || read.unfinished_bytes == 0));
    }
  }
}

TEST_CASE("a segment that was cut short keeps what is whole") {
  const auto frames = FramesOf({"one", "two", "three"});
  const std::string whole = InOne(frames) + EndFrame(kMark, 3);
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    const FramesRead read = ReadFrames(whole.substr(0, cut), kMark);
    size_t kept = 0;
    size_t bytes = 0;
    while (kept < 3 && bytes + frames[kept].size() <= cut) bytes += frames[kept++].size();
    CAPTURE(cut);
    CHECK(read.batches.size() == kept);
    CHECK(read.unfinished_bytes == (cut == whole.size() ? 0 : cut - bytes));
    CHECK(read.damaged_bytes == 0);
  }
}

TEST_CASE("a page of zeros, a piece that is gone, frames twice or in the wrong order cost what they cover") {
  const auto frames = FramesOf({std::string(3000, 'a'), std::string(3000, 'b'), std::string(3000, 'c'), "d"});
  std::string zeroed = InOne(frames) + EndFrame(kMark, 4);
  zeroed.replace(4096, 4096, 4096, '\0');  // in b and c
  FramesRead read = ReadFrames(zeroed, kMark);
  CHECK(SpoolFixture::Content(read.batches) == std::string(3000, 'a') + "d");
  CHECK(read.written == 4);
  CHECK(read.damaged_bytes == frames[1].size() + frames[2].size());

  read = ReadFrames(frames[0] + frames[1].substr(0, 500) + frames[3], kMark);
  CHECK(SpoolFixture::Content(read.batches) == std::string(3000, 'a') + "d");
  CHECK(read.written == 4);
  CHECK(read.damaged_bytes == 500);

  read = ReadFrames(frames[0] + frames[2] + frames[1] + frames[2] + frames[3], kMark);
  CHECK(SpoolFixture::Content(read.batches) == std::string(3000, 'a') + std::string(3000, 'c') + "d");
  CHECK(read.damaged_bytes == frames[1].size() + frames[2].size());

  // The last page that a disk without power did not write.
  read = ReadFrames(frames[3] + std::string(100, '\0'), kMark);
  CHECK(read.unfinished_bytes == 100);
  CHECK(read.damaged_bytes == 0);

  read = ReadFrames(InOne(frames) + EndFrame(kMark, 4) + frames[3], kMark);
  CHECK(read.batches.size() == 4);
  CHECK(read.damaged_bytes == frames[3].size());
}

TEST_CASE("nothing that a batch holds passes for a frame, and no bytes do harm") {
  // What the sender of a batch would write, if only he knew the mark.
  const std::string forged = Frame("another mark 123", 1, SpoolFixture::Rows("forged"));
  auto frames = FramesOf({"one", forged, "three"});
  frames[1][20] ^= 1;
  const FramesRead read = ReadFrames(InOne(frames), kMark);
  CHECK(SpoolFixture::Content(read.batches) == "onethree");

  const auto good = FramesOf({"one", "two"});
  // A right frame around rows of no table.
  SpooledBatch unknown = SpoolFixture::Rows("x");
  unknown.rows[0].table = static_cast<Table>(9);
  const std::string odd = Frame(kMark, 0, unknown);
  const FramesRead around = ReadFrames(odd + good[1], kMark);
  CHECK(SpoolFixture::Content(around.batches) == "two");
  CHECK(around.damaged_bytes == odd.size());
  CHECK(around.written == 2);
  uint32_t seed = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = InOne(good) + EndFrame(kMark, 2);
    for (int changes = 1 + round % 8; changes > 0; --changes) {
      seed = seed * 1664525 + 1013904223;
      const size_t at = (seed >> 8) % bytes.size();
      switch (seed % 3) {
        case 0:
          bytes[at] = static_cast<char>(seed >> 24);
          break;
        case 1:
          bytes.erase(at, 1 + (seed >> 28));
          break;
        default:
          bytes.insert(at, bytes.substr(bytes.size() - 1 - at));
      }
      if (bytes.empty()) bytes = kMark;
    }
    const FramesRead any = ReadFrames(bytes, kMark);
    REQUIRE(any.batches.size() <= 2);
    for (const SpooledBatch& batch : any.batches) {
      const std::string content = SpoolFixture::Content({batch});
      REQUIRE((content == "one" || content == "two"));
    }
  }
  CHECK(ReadFrames("abc", "").damaged_bytes == 3);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a damaged segment is counted once, used as far as it is whole, and kept for the operator") {
  {
    const auto spool = Open();
    spool->Append({Rows("one"), Rows("two"), Rows("three")});
    spool->Close();
  }
  std::string bytes = ReadFile(OnlyFile());
  bytes[bytes.find("two")] = 'T';
  WriteFile(OnlyFile(), bytes);
  auto next = Open();
  REQUIRE(found.size() == 1);
  CHECK(Content(next->Load(&found[0])) == "onethree");
  CHECK(Content(next->Load(&found[0])) == "onethree");
  CHECK(Lost() == 1);
  CHECK(Damaged() == Frame(kMark, 1, Rows("two")).size());
  next->Remove(found[0]);
  CHECK(next->bytes() == 0);
  CHECK(Files(".rows").empty());
  REQUIRE(Files(".damaged").size() == 1);
  CHECK(ReadFile(Files(".damaged")[0]) == bytes);
  next.reset();
  Open();
  CHECK(found.empty());
}

TEST_CASE_FIXTURE(SpoolFixture, "a segment without one whole batch, cut or of a stranger's, is kept and counted") {
  {
    const auto spool = Open();
    spool->Append({Rows("one"), Rows("two")});
    const Segment closed = spool->Close();
    fs::resize_file(closed.path, closed.bytes - 30);
    Segment cut = closed;
    CHECK(Content(spool->Load(&cut)) == "one");  // it knows what it wrote
    CHECK(Lost() == 1);
    CHECK(Damaged() == 30);
    CHECK(Unfinished() != 0);
    spool->Remove(cut);
  }
  CHECK(Files(".damaged").size() == 1);
  WriteFile(directory + "/0/1700000000000000.rows", "no mark in its name");
  WriteFile(directory + "/0/1700000000000001-" + std::string(32, '0') + ".rows", "not a frame");
  Open();
  CHECK(found.empty());
  CHECK(Damaged() == 30 + 19 + 11);
  CHECK(Files(".damaged").size() == 3);
}

TEST_CASE_FIXTURE(SpoolFixture, "many damaged segments do not fill the disk") {
  fs::create_directories(directory + "/0");
  for (int i = 0; i < 100; ++i) WriteFile(directory + "/0/" + std::to_string(i) + ".rows", "x");
  Open();
  CHECK(Damaged() == 100);
  CHECK(Files(".damaged").size() == 64);
  CHECK(Files(".rows").empty());
}

TEST_CASE_FIXTURE(SpoolFixture, "a batch that was being written when its collector was killed is no damage") {
  {
    const auto spool = Open();
    spool->Append({Rows("one"), Rows("two")});
  }
  const std::string path = OnlyFile();
  fs::resize_file(path, fs::file_size(path) - 5);
  const auto next = Open();
  REQUIRE(found.size() == 1);
  CHECK(Content(next.get(), found[0]) == "one");
  CHECK(Lost() + Damaged() == 0);
  CHECK(Unfinished() != 0);
  next->Remove(found[0]);
  CHECK(Files(".damaged").empty());
}

TEST_CASE_FIXTURE(SpoolFixture, "a full spool refuses, keeps what it has, and takes again when something left") {
  const auto spool = Open(1000);
  spool->Append({Rows(std::string(600, 'a'))});
  CHECK_THROWS_AS(spool->Append({Rows(std::string(600, 'b'))}), StoreError);
  const Segment closed = spool->Close();
  CHECK(Content(spool.get(), closed) == std::string(600, 'a'));
  spool->Remove(closed);
  CHECK(spool->bytes() == 0);
  spool->Append({Rows(std::string(600, 'c'))});
  CHECK(Content(spool.get(), spool->Close()) == std::string(600, 'c'));
}

TEST_CASE_FIXTURE(SpoolFixture, "collectors share a spool directory, and what a dead one left is taken over once") {
  auto first = Open();
  first->Append({Rows("of the first")});
  const auto second = Open();
  CHECK(found.empty());  // the first one lives
  std::vector<Segment> taken;
  second->TakeOver(1000, &taken);
  CHECK(taken.empty());
  first.reset();
  second->TakeOver(1000, &taken);  // while it runs
  REQUIRE(taken.size() == 1);
  CHECK(Content(second.get(), taken[0]) == "of the first");
  CHECK(second->bytes() == taken[0].bytes);
  CHECK(metrics.Get(Counter::kSegmentsTakenOver) == 1);
  second->TakeOver(1000, &taken);
  CHECK(taken.size() == 1);
  const auto third = Open();
  CHECK(found.empty());
}

TEST_CASE_FIXTURE(SpoolFixture, "whoever is killed leaves its lock, and whoever is alive keeps it") {
  int ready[2], go[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(go) == 0);
  const pid_t child = fork();
  if (child == 0) {
    Metrics own;
    std::vector<Segment> none;
    Spool spool(directory, 1 << 20, &own, &none);
    spool.Append({Rows("acknowledged")});
    char byte = 'x';
    if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  const auto spool = Open();
  std::vector<Segment> taken;
  spool->TakeOver(1000, &taken);
  CHECK(taken.empty());
  REQUIRE(kill(child, SIGKILL) == 0);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  spool->TakeOver(1000, &taken);
  REQUIRE(taken.size() == 1);
  CHECK(Content(spool.get(), taken[0]) == "acknowledged");
  for (const int fd : {ready[0], ready[1], go[0], go[1]}) close(fd);
}

TEST_CASE_FIXTURE(SpoolFixture, "what is much is taken over in pieces, and an operator's copy like a collector's") {
  {
    const auto spool = Open();
    for (const char* bytes : {"one", "two", "three"}) {
      spool->Append({Rows(bytes)});
      spool->Close();
    }
  }
  fs::rename(directory + "/0", directory + "/from-the-other-machine");
  const auto spool = Open();
  CHECK(found.size() == 3);
  fs::create_directory(directory + "/later");
  for (const Segment& segment : found)
    fs::rename(segment.path, directory + "/later/" + fs::path(segment.path).filename().string());
  std::vector<Segment> taken;
  spool->TakeOver(found[0].bytes + 1, &taken);
  CHECK(taken.size() == 2);
  spool->TakeOver(1000, &taken);
  CHECK(taken.size() == 3);
}

TEST_CASE_FIXTURE(SpoolFixture, "segments keep their order under a clock that was set back") {
  {
    const auto spool = Open();
    spool->Append({Rows("of a clock that was ahead")});
  }
  const std::string path = OnlyFile();
  const std::string name = fs::path(path).filename();
  fs::rename(path, directory + "/0/9000000000000000" + name.substr(name.find('-')));
  {
    const auto spool = Open();
    CHECK(found.size() == 1);
    spool->Append({Rows("the newest")});
  }
  const auto last = Open();
  REQUIRE(found.size() == 2);
  CHECK(Content(last.get(), found[1]) == "the newest");
}

TEST_CASE_FIXTURE(SpoolFixture, "a segment that cannot be read is an error, never an empty one") {
  const auto spool = Open();
  CHECK_THROWS_AS(Content(spool.get(), {directory + "/nothing"}), StoreError);
  CHECK_THROWS_AS(Content(spool.get(), {directory}), StoreError);
}
