#include "samples/collector/ingest/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

namespace whydrop::collector {
namespace {

// What a batch usually inflates to; the member's own word of its size would be the sender's to choose.
size_t GuessedBytes(std::string_view body) { return 4 * body.size() + 1024; }

}  // namespace

InflateResult InflateGzip(std::string_view body, size_t limit, std::string* out) {
  z_stream stream{};
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return InflateResult::kCorrupt;
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);

  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  // Into one block that grows, not through a buffer: where all of it is there before inflate returns, zlib needs no
  // window of its own.
  std::string content;
  size_t produced = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (produced > limit) return InflateResult::kTooLarge;
    content.resize(std::min(limit + 1, std::max(2 * produced, GuessedBytes(body))));
    stream.next_out = reinterpret_cast<Bytef*>(content.data() + produced);
    stream.avail_out = static_cast<uInt>(content.size() - produced);
    status = inflate(&stream, Z_FINISH);
    produced = content.size() - stream.avail_out;
    // Z_BUF_ERROR: of output there was too little, or of input, which no other call changes.
    const bool full = stream.avail_out == 0 && (status == Z_OK || status == Z_BUF_ERROR);
    if (status != Z_STREAM_END && !full) return InflateResult::kCorrupt;
  }
  if (produced > limit) return InflateResult::kTooLarge;
  content.resize(produced);
  if (stream.avail_in != 0) return InflateResult::kTrailing;
  *out = std::move(content);
  return InflateResult::kOk;
}

}  // namespace whydrop::collector
