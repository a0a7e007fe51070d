#include "samples/collector/store/clickhouse/spool/delivery.h"

#include <algorithm>
#include <map>
#include <vector>

#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/spool/row_order.h"

namespace whydrop::collector::clickhouse {
namespace {

std::string InOne(const std::vector<std::string_view>& rows) {
  size_t size = 0;
  for (const std::string_view row : rows) size += row.size();
  std::string block;
  block.reserve(size);
  for (const std::string_view row : rows) block.append(row);
  return block;
}

}  // namespace

// A row of `work` begins with its day and the moment when it is due, and ends with its owner and whether it is done.
std::string Delivery::OwnWork(const std::vector<std::string_view>& work, int64_t again_s) {
  const std::string tail = RowWriter().U32(owner_).U8(0).Take();
  std::string block;
  for (std::string_view row : work) {
    if (again_s != 0) {
      const uint64_t due_us = stamps_->Next(again_s);
      RowWriter head;
      head.Day(static_cast<int64_t>(due_us / kSecondUs)).U64(due_us);
      block.append(head.bytes());
      row.remove_prefix(std::min(row.size(), head.bytes().size()));
    }
    row.remove_suffix(std::min(row.size(), tail.size()));
    block.append(row).append(tail);
  }
  return block;
}

Delivery::Blocks Delivery::Prepare(Segment* segment) { return Prepare(segment, 0, segment->was_found); }

void Delivery::SendAgain(Segment* segment, int64_t now_s) {
  Insert(Prepare(segment, now_s, true));
  metrics_->Add(Counter::kBlocksAgain);
}

// A node that knows a block says so although the only one that has it may be dead for good. So what another collector
// may have sent, or a dead node may have had alone, is to be taken anyway: rows that come twice count once. Its work
// would wait for its owner, who may be gone.
Delivery::Blocks Delivery::Prepare(Segment* segment, int64_t again_s, bool takes_over) {
  const size_t shards = cluster_->shards();
  if (shards == 0) throw Unreachable("no node has told its shard yet");
  Blocks blocks;
  blocks.to_be_taken_anyway = takes_over;
  const FramesRead read = spool_->Load(segment);
  std::map<std::pair<Table, size_t>, std::vector<std::string_view>> rows;
  for (const ReadBatch& batch : read.batches) {
    for (const SpooledRow& row : batch.rows) rows[{row.table, row.key_hash % shards}].push_back(row.bytes);
  }
  for (auto& [place, of_place] : rows) {
    SortRows(place.first, &of_place);
    blocks.rows[place] = place.first == Table::kWork && takes_over ? OwnWork(of_place, again_s) : InOne(of_place);
  }
  return blocks;
}

void Delivery::Insert(const Blocks& blocks) {
  const QuerySettings extra = blocks.to_be_taken_anyway ? QuerySettings{{"insert_deduplicate", "0"}} : QuerySettings{};
  // In this order: who finds work finds its rows.
  for (const Table table : kSpooledTables) {
    for (const auto& [place, rows] : blocks.rows) {
      if (place.first != table) continue;
      cluster_->Insert(place.second, TableName(table), rows, extra);
      metrics_->Add(Counter::kBlocks);
    }
  }
}

}  // namespace whydrop::collector::clickhouse
