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
