// The format of a spool's files: damage costs no more than what is damaged, and nothing passes for what it is not.
#include <doctest/doctest.h>

#include "samples/collector/tests/store/spool_rows.h"

using namespace whydrop::collector::clickhouse;

namespace {

// A file of three batches, with its end unless its collector was killed.
std::vector<std::string> FramesOf(const std::vector<std::string>& batches) {
  std::vector<std::string> frames;
  for (const std::string& bytes : batches)
    frames.push_back(Frame(kMark, static_cast<uint32_t>(frames.size()), Rows(bytes)));
  return frames;
}
std::string InOne(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text;
  return all;
}

}  // namespace

TEST_CASE("any byte of a segment that flips costs the batch it lies in, and is counted") {
  const auto frames = FramesOf({"one", "two", "three"});
  const std::string end = EndFrame(kMark, 3);
  const std::string whole = InOne(frames) + end;
  CHECK(Content(ReadFrames(whole, kMark).batches) == "onetwothree");
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
      REQUIRE(Content(read.batches) == InOne(left));
      REQUIRE(read.written == 3);
      // The last frame of all may as well be one that was never finished.
      REQUIRE(read.damaged_bytes + read.unfinished_bytes == (hit < 3 ? frames[hit].size() : end.size()));
      REQUIRE((hit == 3 || read.unfinished_bytes == 0));
    }
  }
}

TEST_CASE("a frame is as long as is said before") {
  CHECK(Frame(kMark, 1, Rows(std::string(300, 'x'))).size() == FrameBytes(Rows(std::string(300, 'x'))));
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
  CHECK(Content(read.batches) == std::string(3000, 'a') + "d");
  CHECK(read.written == 4);
  CHECK(read.damaged_bytes == frames[1].size() + frames[2].size());

  read = ReadFrames(frames[0] + frames[1].substr(0, 500) + frames[3], kMark);
  CHECK(Content(read.batches) == std::string(3000, 'a') + "d");
  CHECK(read.written == 4);
  CHECK(read.damaged_bytes == 500);

  read = ReadFrames(frames[0] + frames[2] + frames[1] + frames[2] + frames[3], kMark);
  CHECK(Content(read.batches) == std::string(3000, 'a') + std::string(3000, 'c') + "d");
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
  const std::string forged = Frame("another mark 123", 1, Rows("forged"));
  auto frames = FramesOf({"one", forged, "three"});
  frames[1][20] ^= 1;
  const FramesRead read = ReadFrames(InOne(frames), kMark);
  CHECK(Content(read.batches) == "onethree");

  const auto good = FramesOf({"one", "two"});
  // A right frame around rows of no table.
  SpooledBatch unknown;
  unknown.Add(static_cast<Table>(9), 7, "x");
  const std::string odd = Frame(kMark, 0, unknown);
  const FramesRead around = ReadFrames(odd + good[1], kMark);
  CHECK(Content(around.batches) == "two");
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
    for (const ReadBatch& batch : any.batches) {
      const std::string content = Content({batch});
      REQUIRE((content == "one" || content == "two"));
    }
  }
  CHECK(ReadFrames("abc", "").damaged_bytes == 3);
}
