#include "upload/gzip.h"

#include <zlib.h>

namespace whydrop {
namespace {

constexpr int kLevel = 6;
constexpr int kGzipWindowBits = 15 + 16;  // the largest window; 16 asks for the gzip wrapper
constexpr int kMemoryLevel = 8;
constexpr int kSystemUnknown = 255;

}  // namespace

Status Gzip(const std::string& input, std::string* out) {
  z_stream stream = {};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    return {StatusKind::kNoMemory, 0};
  }
  gz_header header = {};
  header.os = kSystemUnknown;
  deflateSetHeader(&stream, &header);  // fails only for a stream without gzip wrapper
  std::string packed(deflateBound(&stream, static_cast<uLong>(input.size())), '\0');
  // zlib takes a mutable pointer for historical reasons and does not write through it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(&packed[0]);
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return {StatusKind::kNoMemory, result};
  *out = static_cast<std::string&&>(packed);
  return OkStatus();
}

}  // namespace whydrop
