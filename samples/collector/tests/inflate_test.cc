#include "samples/collector/ingest/inflate.h"

#include <doctest/doctest.h>
#include <zlib.h>

using namespace whydrop::collector;

namespace {

std::string Gzip(const std::string& content) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(content.size())) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("one member is inflated up to the limit and no byte beyond") {
  std::string out = "before";
  const std::string packed = Gzip(std::string(100000, 'x'));
  CHECK(InflateGzip(packed, 99999, &out) == InflateResult::kTooLarge);
  CHECK(out == "before");
  CHECK(InflateGzip(packed, 100000, &out) == InflateResult::kOk);
  CHECK(out == std::string(100000, 'x'));
}

TEST_CASE("content of any size is inflated whole") {
  // Around the sizes at which the block for it grows, and for bytes that no compression makes less.
  for (const size_t size : {0, 1, 1023, 1024, 1025, 1200, 2400, 4096, 65536, 262143, 1048576}) {
    std::string content(size, '\0');
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i / 7);
    std::string noise(size, '\0');
    uint32_t state = 1;
    for (char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    std::string out;
    CHECK(InflateGzip(Gzip(content), kMaxInflatedBytes, &out) == InflateResult::kOk);
    CHECK(out == content);
    CHECK(InflateGzip(Gzip(noise), kMaxInflatedBytes, &out) == InflateResult::kOk);
    CHECK(out == noise);
    if (size == 0) continue;
    CHECK(InflateGzip(Gzip(content), size - 1, &out) == InflateResult::kTooLarge);
    CHECK(InflateGzip(Gzip(noise), size, &out) == InflateResult::kOk);
  }
}

TEST_CASE("every cut of a member is refused") {
  const std::string packed = Gzip("the quick brown fox");
  std::string out;
  for (size_t size = 0; size < packed.size(); ++size) {
    CHECK(InflateGzip(std::string_view(packed).substr(0, size), 1000, &out) == InflateResult::kCorrupt);
  }
  CHECK(InflateGzip(packed + "x", 1000, &out) == InflateResult::kTrailing);
  CHECK(InflateGzip(packed + packed, 1000, &out) == InflateResult::kTrailing);
}

TEST_CASE("a broken checksum is refused") {
  std::string packed = Gzip("content");
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
  std::string out;
  CHECK(InflateGzip(packed, 1000, &out) == InflateResult::kCorrupt);
}
