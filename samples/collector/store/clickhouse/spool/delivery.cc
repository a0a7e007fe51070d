#include "samples/collector/store/clickhouse/spool/delivery.h"

#include <algorithm>
#include <map>
#include <utility>
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

// A row of `work` begins with its day and the moment when it is due.
std::string Delivery::DueAgain(const std::vector<std::string_view>& work, int64_t again_s) {
  std::string block;
  for (const std::string_view row : work) {
    const uint64_t due_us = stamps_->Next(again_s);
    RowWriter head;
    head.Day(static_cast<int64_t>(due_us / kSecondUs)).U64(due_us);
    block.append(head.bytes()).append(row.substr(std::min(row.size(), head.bytes().size())));
  }
  return block;
}

void Delivery::Send(Segment* segment) { Send(segment, 0, {}); }

void Delivery::SendAgain(Segment* segment, int64_t now_s) {
  Send(segment, now_s, {{"insert_deduplicate", "0"}});
  metrics_->Add(Counter::kBlocksAgain);
}

void Delivery::Send(Segment* segment, int64_t again_s, const QuerySettings& extra) {
  cluster_->Discover();
  const size_t shards = cluster_->shards();
  if (shards == 0) throw Unreachable("no node has told its shard yet");
  std::map<std::pair<Table, size_t>, std::string> blocks;  // by table and shard
  {
    const FramesRead read = spool_->Load(segment);
    std::map<std::pair<Table, size_t>, std::vector<std::string_view>> rows;
    for (const ReadBatch& batch : read.batches) {
      for (const SpooledRow& row : batch.rows) rows[{row.table, row.key_hash % shards}].push_back(row.bytes);
    }
    for (auto& [place, of_place] : rows) {
      SortRows(place.first, &of_place);
      const bool is_again = place.first == Table::kWork && again_s != 0;
      blocks[place] = is_again ? DueAgain(of_place, again_s) : InOne(of_place);
    }
  }
  // In this order: who finds work finds its rows.
  for (const Table table : kSpooledTables) {
    for (const auto& [place, block] : blocks) {
      if (place.first != table) continue;
      cluster_->Insert(place.second, TableName(table), block, extra);
      metrics_->Add(Counter::kBlocks);
    }
  }
}

}  // namespace whydrop::collector::clickhouse
