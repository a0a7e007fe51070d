#include "samples/collector/store/clickhouse/judging/rollup.h"

#include <algorithm>
#include <map>

#include "samples/collector/store/clickhouse/answers/count_sql.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/clickhouse/judging/judge.h"

namespace whydrop::collector::clickhouse {
namespace {

// Clocks of collectors may differ by so much; a day is counted again until this is past.
constexpr uint64_t kClocksDifferMs = 5000;
constexpr uint64_t kReplacedKeptMs = 600000;
constexpr int64_t kTimesTheWork = 10;
const QuerySettings kOnePart = {{"min_insert_block_size_rows", "4000000000"},
                                {"min_insert_block_size_bytes", "64000000000"}};

}  // namespace

std::vector<Rollup::Day> Rollup::ReadDays(Node* node) {
  const Settings& settings = cluster_->settings();
  std::map<uint32_t, Day> days;
  const std::string touched = node->Ask("SELECT toUInt32(toUInt16(day)), max(touched_ms) FROM " +
                                        Local(settings, "days") + " GROUP BY day FORMAT RowBinary");
  RowReader changes(touched);
  while (changes.More()) {
    const uint32_t number = changes.U32();
    days[number].number = number;
    days[number].touched_ms = changes.U64();
  }
  const std::string counted = node->Ask(
      "SELECT toUInt32(toUInt16(day)), max(generation), argMax(waits_until, generation) FROM (SELECT day, generation, "
      "max(decided_s) AS waits_until FROM " +
      Local(settings, "counts") + " WHERE facet = '' GROUP BY day, generation) GROUP BY day FORMAT RowBinary");
  RowReader counts(counted);
  while (counts.More()) {
    const uint32_t number = counts.U32();
    days[number].number = number;
    days[number].generation = counts.U64();
    days[number].waits_until_s = counts.U32();
  }
  std::vector<Day> all;
  for (const auto& [number, day] : days) all.push_back(day);
  return all;
}

bool Rollup::Pass(size_t shard, Wait wait, int64_t now_s) {
  not_before_ms_.resize(std::max(not_before_ms_.size(), shard + 1));
  if (wait == Wait::kYes && MachineMs() < not_before_ms_[shard]) return false;
  Lag lag;
  Node* node = cluster_->Freshest(shard, &lag);
  if (node == nullptr) throw Unreachable("no node of shard " + std::to_string(shard + 1) + " answers");
  // A node that has the news of a change but not the change would count the day and leave it as counted.
  if (lag.behind_s != 0 && !lag.alone) return false;
  const int64_t started_ms = MachineMs();
  for (const Day& day : ReadDays(node)) {
    if (day.touched_ms == 0) continue;
    const bool recent = day.touched_ms + kClocksDifferMs > day.generation;
    const bool all_decided = day.waits_until_s != 0 && day.waits_until_s <= now_s;
    if (day.touched_ms >= day.generation || (recent && wait == Wait::kYes) || all_decided) Count(node, day, now_s);
  }
  const int64_t took_ms = MachineMs() - started_ms;
  not_before_ms_[shard] = MachineMs() + took_ms * kTimesTheWork;
  return true;
}

// One INSERT of one day is one part, however large: an answer sees all of it or nothing.
void Rollup::Count(Node* node, const Day& day, int64_t now_s) {
  const Settings& settings = cluster_->settings();
  const std::string number = "toDate(" + std::to_string(day.number) + ")";
  const auto generation =
      static_cast<uint64_t>(std::max<int64_t>(MachineMs(), static_cast<int64_t>(day.generation) + 1));
  node->Ask(InsertInto(settings, "counts") + "SELECT " + number + ", toUInt64(" + std::to_string(generation) +
                "), * FROM (" + SelectDayCounts(settings, number, now_s) + ")",
            kOnePart);
}

void Rollup::DropPartition(Node* node, const std::string& table, const std::string& partition) {
  node->Ask("ALTER TABLE " + Local(cluster_->settings(), table) + " DROP PARTITION " + partition);
}

void Rollup::Purge(size_t shard, int64_t now_s) {
  const Settings& settings = cluster_->settings();
  Lag lag;
  Node* node = cluster_->Freshest(shard, &lag);
  if (node == nullptr) return;
  const std::string before = "toDate(" + std::to_string(std::max<int64_t>(now_s / kDayS - keep_days_, 0)) + ")";
  const std::string replaced =
      node->Ask("SELECT toString(day), generation FROM " + Local(settings, "counts") +
                " WHERE facet = '' GROUP BY day, generation HAVING day < " + before +
                " OR (day, generation) NOT IN (SELECT day, max(generation) FROM " + Local(settings, "counts") +
                " WHERE facet = '' GROUP BY day) FORMAT RowBinary");
  RowReader generations(replaced);
  while (generations.More()) {
    const std::string day = generations.Text();
    const uint64_t generation = generations.U64();
    if (generation + kReplacedKeptMs > static_cast<uint64_t>(MachineMs())) continue;
    DropPartition(node, "counts", "('" + day + "', " + std::to_string(generation) + ")");
  }
  for (const std::string& table : kTablesByDay) {
    // Nobody looks for work that lies so long.
    const int64_t keep_days = table == "work" ? 4 : keep_days_;
    const std::string old = node->Ask(
        "SELECT DISTINCT partition FROM system.parts WHERE active AND database = " + Quote(settings.database) +
        " AND table = " + Quote(table) + " AND toDate(partition) < toDate(" +
        std::to_string(std::max<int64_t>(now_s / kDayS - keep_days, 0)) + ") FORMAT RowBinary");
    RowReader partitions(old);
    while (partitions.More()) DropPartition(node, table, Quote(partitions.Text()));
  }
}

}  // namespace whydrop::collector::clickhouse
