#include "samples/collector/store/clickhouse/spool/frames.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <random>

#include "core/crc32c.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr std::string_view kMagic = "whydrop";
constexpr size_t kHeadBytes = kMarkBytes + 12;
constexpr size_t kBatchHeadBytes = 12;

// Of bytes that lie apart.
uint32_t Checksum(std::initializer_list<std::string_view> parts) {
  uint32_t checksum = 0;
  for (const std::string_view part : parts) checksum = Crc32c(checksum, part.data(), part.size());
  return checksum;
}

void AppendFramed(std::string_view mark, uint32_t number, std::string_view head, std::string_view rows,
                  std::string* out) {
  RowWriter numbers;
  numbers.U32(number).U32(head.size() + rows.size());
  numbers.U32(Checksum({numbers.bytes(), head, rows}));
  out->append(mark).append(numbers.bytes()).append(head).append(rows);
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
  if (Checksum({numbers, frame.body}) != head.U32()) return std::nullopt;
  return frame;
}

bool IsSpooled(Table table) {
  return std::find(std::begin(kSpooledTables), std::end(kSpooledTables), table) != std::end(kSpooledTables);
}

std::optional<ReadBatch> BatchOf(std::string_view body) {
  try {
    RowReader reader(body);
    ReadBatch batch;
    batch.received_s = static_cast<int64_t>(reader.U64());
    for (uint32_t left = reader.U32(); left > 0; --left) {
      SpooledRow row;
      row.table = static_cast<Table>(reader.U8());
      row.key_hash = reader.U64();
      row.bytes = reader.TextView();
      if (!IsSpooled(row.table)) return std::nullopt;
      batch.rows.push_back(row);
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

void AppendFrame(std::string_view mark, uint32_t number, const SpooledBatch& batch, std::string* out) {
  RowWriter head;
  head.U64(static_cast<uint64_t>(batch.received_s)).U32(batch.rows());
  AppendFramed(mark, number, head.bytes(), batch.bytes(), out);
}

size_t FrameBytes(const SpooledBatch& batch) { return kHeadBytes + kBatchHeadBytes + batch.bytes().size(); }

std::string EndFrame(std::string_view mark, uint32_t batches) {
  std::string frame;
  AppendFramed(mark, batches, "", "", &frame);
  return frame;
}

FramesRead ReadFrames(std::string file, std::string_view mark) {
  FramesRead read;
  read.file = std::make_unique<const std::string>(std::move(file));
  std::string_view bytes = *read.file;
  if (mark.size() != kMarkBytes) {
    read.damaged_bytes = bytes.size();
    return read;
  }
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
