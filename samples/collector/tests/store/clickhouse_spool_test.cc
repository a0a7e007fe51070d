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
#include "samples/collector/tests/store/spool_rows.h"
#include "tests/support/end_with_parent_linux.h"
#include "tests/support/test_directory.h"

using namespace whydrop;
using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

namespace fs = std::filesystem;

std::string Content(Spool* spool, Segment segment) { return Content(spool->Load(&segment).batches); }

class SpoolFixture {
 public:
  std::unique_ptr<Spool> Open(uint64_t max_bytes = 1 << 20) {
    found.clear();
    return std::make_unique<Spool>(directory, max_bytes, &metrics, &found);
  }

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
  bool AreAside(int files) const {
    const std::string line = "\nwhydrop_collector_spool_files_aside " + std::to_string(files) + "\n";
    return metrics.PrometheusText().find(line) != std::string::npos;
  }
  // Of one batch, in a directory of the spool.
  std::string WriteSegment(const std::string& place, const std::string& mark, const std::string& bytes) const {
    static int age = 0;
    std::string path = directory + "/" + place + "/170000000000" + std::to_string(1000 + ++age) + "-";
    for (const char c : mark) path += {kDigits[static_cast<uint8_t>(c) >> 4], kDigits[c & 15]};
    path += ".rows";
    fs::create_directories(fs::path(path).parent_path());
    WriteFile(path, Frame(mark, 0, Rows(bytes)) + EndFrame(mark, 1));
    return path;
  }
  static constexpr char kDigits[] = "0123456789abcdef";

  const TestDirectory own_directory;
  const std::string directory = own_directory.path();
  Metrics metrics;
  std::vector<Segment> found;
};

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
  CHECK(found[0].oldest_s == 1700000000);
  CHECK(Lost() + Damaged() + Unfinished() == 0);
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
  CHECK(Content(next->Load(&found[0]).batches) == "onethree");
  CHECK(Content(next->Load(&found[0]).batches) == "onethree");
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
    CHECK(Content(spool->Load(&cut).batches) == "one");  // it knows what it wrote
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
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    EndWithParent(parent);
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

TEST_CASE_FIXTURE(SpoolFixture, "a segment tells the version of its rows where it begins and in its name") {
  const auto spool = Open();
  spool->Append({Rows("one")});
  const std::string beginning = ReadFile(OnlyFile()).substr(0, 8);
  CHECK(beginning == "whydrop\x01");
  CHECK(fs::path(OnlyFile()).filename().string().find("-77687964726f7001") != std::string::npos);
  CHECK(NewMark() != NewMark());
  CHECK(VersionOf(NewMark()) == 1);
  CHECK(VersionOf("whydrop\x02 of ours") == 2);
  CHECK(VersionOf(kMark) == 0);
  CHECK(VersionOf("whydrop") == 0);
}

TEST_CASE_FIXTURE(SpoolFixture, "a segment from before there were versions is used as it is") {
  WriteSegment("0", kMark, "of no version");
  const auto spool = Open();
  REQUIRE(found.size() == 1);
  CHECK(Content(spool.get(), found[0]) == "of no version");
  CHECK(AreAside(0));
}

TEST_CASE_FIXTURE(SpoolFixture, "a newer collector's segment stays untouched where it lies, and is counted") {
  const std::string newer =
      "whydrop\x02"
      "12345678";
  const std::string here = WriteSegment("0", newer, "of tomorrow");
  const std::string there = WriteSegment("gone", newer, "of tomorrow, too");
  WriteSegment("gone", NewMark(), "of today");
  const std::string bytes = ReadFile(here);
  auto spool = Open();
  REQUIRE(found.size() == 1);
  CHECK(Content(spool.get(), found[0]) == "of today");
  CHECK(AreAside(2));
  std::vector<Segment> taken;
  for (int i = 0; i < 3; ++i) spool->TakeOver(1000, &taken);
  CHECK(taken.empty());
  CHECK(AreAside(2));
  CHECK(ReadFile(here) == bytes);
  CHECK(fs::exists(there));
  CHECK(Lost() + Damaged() + Unfinished() == 0);
  // Its own collector takes it back.
  fs::remove_all(directory + "/gone");
  spool->TakeOver(1000, &taken);
  CHECK(AreAside(1));
  spool.reset();
  CHECK(ReadFile(here) == bytes);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a disk that errs keeps no collector from starting, and what it read in vain is tried again") {
  const std::string read_error = WriteSegment("0", NewMark(), "behind an error of reading");
  const std::string open_error = WriteSegment("gone", NewMark(), "behind an error of opening");
  WriteSegment("0", NewMark(), "whole");
  for (const std::string& path : {read_error, open_error}) fs::rename(path, path + ".well");
  fs::create_symlink("/proc/self/mem", read_error);                 // EIO
  fs::create_symlink(fs::path(open_error).filename(), open_error);  // ELOOP
  const auto spool = Open();
  REQUIRE(found.size() == 1);
  CHECK(Content(spool.get(), found[0]) == "whole");
  CHECK(AreAside(2));
  CHECK(fs::is_symlink(read_error));
  CHECK(fs::is_symlink(open_error));
  std::vector<Segment> taken;
  spool->TakeOver(1000, &taken);
  CHECK(taken.empty());
  CHECK(AreAside(2));
  for (const std::string& path : {read_error, open_error}) fs::rename(path + ".well", path);
  spool->TakeOver(1000, &taken);
  REQUIRE(taken.size() == 2);
  CHECK(Content(spool.get(), taken[0]) == "behind an error of reading");
  CHECK(Content(spool.get(), taken[1]) == "behind an error of opening");
  CHECK(AreAside(0));
  CHECK(Lost() + Damaged() + Unfinished() == 0);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a directory that belongs to somebody else is left to him, and what he left is counted") {
  WriteSegment("0", NewMark(), "of the administrator's collector");
  std::ofstream(directory + "/0/lock").flush();
  fs::permissions(directory, fs::perms::all);
  fs::permissions(directory + "/0/lock", fs::perms::none);
  const uid_t self = geteuid();
  if (self == 0) REQUIRE(seteuid(65534) == 0);
  auto spool = Open();
  CHECK(found.empty());
  CHECK(AreAside(1));
  spool->Append({Rows("one's own")});
  CHECK(fs::path(spool->open().path).parent_path() == fs::path(directory + "/1"));
  if (self == 0) REQUIRE(seteuid(0) == 0);
  fs::permissions(directory + "/0/lock", fs::perms::owner_all);
  std::vector<Segment> taken;
  spool->TakeOver(1000, &taken);
  CHECK(taken.size() == 1);
  CHECK(AreAside(0));
}

TEST_CASE_FIXTURE(SpoolFixture, "a segment that cannot be read is an error, never an empty one") {
  const auto spool = Open();
  CHECK_THROWS_AS(Content(spool.get(), {directory + "/nothing"}), StoreError);
  CHECK_THROWS_AS(Content(spool.get(), {directory}), StoreError);
}
