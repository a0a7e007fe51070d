// The format of a spool file: batches, one after the other, that a reader finds again behind damage.
//
//   frame   mark, 16 bytes | number, 4 | length of the body, 4 | CRC-32C of number, length and body, 4 | body
//   end     a frame without a body, whose number is how many there are: the file was closed
//
//   mark    "whydrop", 7 | version of the rows, 1 | random, 8
//
// Numbers are little-endian and count from 0. The mark is the same in the whole file, and a part of the file's name:
// behind damage the next frame begins where it stands again. Who sends batches cannot know it, so nothing in a batch
// passes for a frame.
//
// So a file begins with a magic and a version, its name tells both too, and no flipped bit makes one version of
// another. The version is that of the tables for which the rows were made (tables.h). A mark without the magic is of
// version 0: all of it random, rows as those of version 1.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_FRAMES_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_FRAMES_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"

namespace whydrop::collector::clickhouse {

// Rows of one batch, as they lie in the body of its frame behind its head: each its table, 1 byte | the hash of its
// key, 8 | its length as a varint | RowBinary.
class SpooledBatch {
 public:
  int64_t received_s = 0;

  // Memory for so many bytes of rows, so that they need not be moved.
  void Reserve(size_t bytes) { out_.Reserve(bytes); }
  // Rows of one key go to one shard.
  void Add(Table table, uint64_t key_hash, std::string_view row) {
    out_.U8(static_cast<uint8_t>(table)).U64(key_hash).Text(row);
    ++rows_;
  }
  uint32_t rows() const { return rows_; }
  std::string_view bytes() const { return out_.bytes(); }

 private:
  RowWriter out_;
  uint32_t rows_ = 0;
};

// As it was read.
struct SpooledRow {
  Table table = Table::kRecords;
  uint64_t key_hash = 0;
  std::string_view bytes;
};
struct ReadBatch {
  int64_t received_s = 0;
  std::vector<SpooledRow> rows;
};

inline constexpr size_t kMarkBytes = 16;
std::string NewMark();
uint8_t VersionOf(std::string_view mark);

void AppendFrame(std::string_view mark, uint32_t number, const SpooledBatch& batch, std::string* out);
size_t FrameBytes(const SpooledBatch& batch);
std::string EndFrame(std::string_view mark, uint32_t batches);

struct FramesRead {
  std::unique_ptr<const std::string> file;  // in which the rows lie
  std::vector<ReadBatch> batches;
  uint32_t written = 0;           // batches, as far as what is left tells
  uint64_t damaged_bytes = 0;     // that are no frame
  uint64_t unfinished_bytes = 0;  // of a last frame that was being written when its collector died: not acknowledged
};

// Takes any bytes. A frame whose number does not rise is damage, as is all behind the end.
FramesRead ReadFrames(std::string file, std::string_view mark);

}  // namespace whydrop::collector::clickhouse

#endif
