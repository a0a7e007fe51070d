#include "samples/collector/ingest/inflate.h"

#include <zlib.h>

#include <memory>

namespace whydrop::collector {

InflateResult InflateGzip(std::string_view body, size_t limit, std::string* out) {
  z_stream stream{};
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return InflateResult::kCorrupt;
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);

  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string content;
  char chunk[16 * 1024];
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk);
    stream.avail_out = sizeof chunk;
    status = inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) return InflateResult::kCorrupt;
    const size_t produced = sizeof chunk - stream.avail_out;
    if (content.size() + produced > limit) return InflateResult::kTooLarge;
    content.append(chunk, produced);
  }
  if (stream.avail_in != 0) return InflateResult::kTrailing;
  *out = std::move(content);
  return InflateResult::kOk;
}

}  // namespace whydrop::collector
