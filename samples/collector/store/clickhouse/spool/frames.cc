#include "samples/collector/store/clickhouse/spool/frames.h"

#include <algorithm>
#include <optional>
#include <random>

#include "core/crc32c.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr std::string_view kMagic = "whydrop";
constexpr size_t kHeadBytes = kMarkBytes + 12;

uint32_t Checksum(std::string_view number_and_length, std::string_view body) {
  const uint32_t head = Crc32c(0, number_and_length.data(), number_and_length.size());
  return Crc32c(head, body.data(), body.size());
}

std::string Framed(const std::string& mark, uint32_t number, const std::string& body) {
  const std::string numbers = RowWriter().U32(number).U32(body.size()).Take();
  return mark + numbers + RowWriter().U32(Checksum(numbers, body)).Take() + body;
}

struct FoundFrame {
  uint32_t number = 0;
  std::string_view body;
  size_t bytes = 0;
};

std::optional<FoundFrame> FrameAt(std::string_view bytes, std::string_view mark) {
  if (bytes.size() < kHeadBytes || bytes.substr(0, kMarkBytes) != mark) return std::nullopt;
  const std::string_view numbers = bytes.substr(kMarkBytes, 8);
  RowReader head(bytes.substr(kMarkBytes, 12));
  FoundFrame frame;
  frame.number = head.U32();
  const uint32_t length = head.U32();
  if (length > bytes.size() - kHeadBytes) return std::nullopt;
  frame.body = bytes.substr(kHeadBytes, length);
  frame.bytes = kHeadBytes + length;
  if (Checksum(numbers, frame.body) != head.U32()) return std::nullopt;
  return frame;
}

bool IsSpooled(Table table) {
  return std::find(std::begin(kSpooledTables), std::end(kSpooledTables), table) != std::end(kSpooledTables);
}

std::optional<SpooledBatch> BatchOf(std::string_view body) {
  try {
    RowReader reader(body);
    SpooledBatch batch;
    batch.received_s = static_cast<int64_t>(reader.U64());
    for (uint32_t left = reader.U32(); left > 0; --left) {
      SpooledRow row;
      row.table = static_cast<Table>(reader.U8());
      row.key_hash = reader.U64();
      row.bytes = reader.Text();
      if (!IsSpooled(row.table)) return std::nullopt;
      batch.rows.push_back(std::move(row));
    }
    if (reader.More()) return std::nullopt;
    return batch;
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

// Whether the bytes are what a write leaves that was broken off, or a disk without power: the beginning of the frame
// that was next, or nothing but zeros.
bool IsUnfinished(std::string_view rest, std::string_view mark, uint32_t next) {
  if (rest.find_first_not_of('\0') == std::string_view::npos) return true;
  const size_t compared = std::min(rest.size(), kMarkBytes);
  if (rest.substr(0, compared) != mark.substr(0, compared)) return false;
  if (rest.size() < kHeadBytes) return true;
  RowReader head(rest.substr(kMarkBytes, 8));
  return head.U32() >= next && head.U32() > rest.size() - kHeadBytes;
}

}  // namespace

std::string NewMark() {
  std::random_device random;
  std::string mark(kMagic);
  mark += static_cast<char>(kSchemaVersion);
  return mark + RowWriter().U32(random()).U32(random()).Take();
}

uint8_t VersionOf(std::string_view mark) {
  const bool tells = mark.size() == kMarkBytes && mark.substr(0, kMagic.size()) == kMagic;
  return tells ? static_cast<uint8_t>(mark[kMagic.size()]) : 0;
}

std::string Frame(const std::string& mark, uint32_t number, const SpooledBatch& batch) {
  RowWriter body;
  body.U64(static_cast<uint64_t>(batch.received_s)).U32(batch.rows.size());
  for (const SpooledRow& row : batch.rows) body.U8(static_cast<uint8_t>(row.table)).U64(row.key_hash).Text(row.bytes);
  return Framed(mark, number, body.Take());
}

std::string EndFrame(const std::string& mark, uint32_t batches) { return Framed(mark, batches, ""); }

FramesRead ReadFrames(std::string_view bytes, std::string_view mark) {
  FramesRead read;
  if (mark.size() != kMarkBytes) return read.damaged_bytes = bytes.size(), read;
  bool ended = false;
  while (!bytes.empty()) {
    const auto frame = ended ? std::nullopt : FrameAt(bytes, mark);
    if (frame && frame->number >= read.written) {
      ended = frame->body.empty();
      auto batch = ended ? std::nullopt : BatchOf(frame->body);
      read.written = frame->number + (ended ? 0 : 1);
      if (batch) read.batches.push_back(std::move(*batch));
      if (!batch && !ended) read.damaged_bytes += frame->bytes;
      bytes.remove_prefix(frame->bytes);
      continue;
    }
    const size_t next = std::min(bytes.find(mark, 1), bytes.size());
    const bool unfinished = !ended && next == bytes.size() && IsUnfinished(bytes, mark, read.written);
    (unfinished ? read.unfinished_bytes : read.damaged_bytes) += next;
    bytes.remove_prefix(next);
  }
  return read;
}

}  // namespace whydrop::collector::clickhouse
