#include "samples/collector/store/clickhouse/spool/delivery.h"

#include <algorithm>
#include <map>
#include <utility>

#include "samples/collector/store/clickhouse/engine/row_binary.h"

namespace whydrop::collector::clickhouse {
namespace {

// A row of `work` begins with its day and the moment when it is due.
void AppendDueAt(std::string_view row, uint64_t due_us, std::string* out) {
  RowWriter head;
  head.Day(static_cast<int64_t>(due_us / kSecondUs)).U64(due_us);
  out->append(head.bytes()).append(row.substr(std::min(row.size(), head.bytes().size())));
}

struct Block {
  size_t size = 0;
  std::string rows;
};
using Blocks = std::map<std::pair<Table, size_t>, Block>;  // by table and shard

template <typename Visit>
void ForEachRow(const FramesRead& read, Visit visit) {
  for (const ReadBatch& batch : read.batches) {
    for (const SpooledRow& row : batch.rows) visit(row);
  }
}

}  // namespace

void Delivery::Send(Segment* segment) { Send(segment, 0, {}); }

void Delivery::SendAgain(Segment* segment, int64_t now_s) {
  Send(segment, now_s, {{"insert_deduplicate", "0"}});
  metrics_->Add(Counter::kBlocksAgain);
}

void Delivery::Send(Segment* segment, int64_t again_s, const QuerySettings& extra) {
  cluster_->Discover();
  const size_t shards = cluster_->shards();
  if (shards == 0) throw Unreachable("no node has told its shard yet");
  Blocks blocks;
  {
    const FramesRead read = spool_->Load(segment);
    ForEachRow(read, [&](const SpooledRow& row) {
      blocks[{row.table, row.key_hash % shards}].size += row.bytes.size();
    });
    for (auto& [place, block] : blocks) block.rows.reserve(block.size);
    ForEachRow(read, [&](const SpooledRow& row) {
      std::string* const rows = &blocks[{row.table, row.key_hash % shards}].rows;
      if (row.table == Table::kWork && again_s != 0) {
        AppendDueAt(row.bytes, stamps_->Next(again_s), rows);
      } else {
        rows->append(row.bytes);
      }
    });
  }
  // In this order: who finds work finds its rows.
  for (const Table table : kSpooledTables) {
    for (const auto& [place, block] : blocks) {
      if (place.first != table) continue;
      cluster_->Insert(place.second, TableName(table), block.rows, extra);
      metrics_->Add(Counter::kBlocks);
    }
  }
}

}  // namespace whydrop::collector::clickhouse
