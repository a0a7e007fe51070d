#include "samples/collector/store/clickhouse/judging/work_list.h"

#include <algorithm>

#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/clickhouse/stamp.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr size_t kRowsOfPart = 200000;
constexpr uint64_t kOthersWorkUs = 30 * kSecondUs;  // then everybody's
constexpr uint64_t kOwnAgainUs = 10 * kSecondUs;    // a row may be made a moment before it can be seen
constexpr uint64_t kLeftAgainUs = 120 * kSecondUs;  // work that another collector brings late
constexpr int64_t kFirstLookS = 3 * kDayS;
// What others left is looked for so often, and less often where that would take more than a twentieth of the time.
constexpr std::chrono::seconds kLookEvery{5};
constexpr int kTimesTheLook = 20;

std::string Number(uint64_t number) { return std::to_string(number); }

std::string FromWork(const Settings& settings, const char* final, const WorkSpan& span) {
  return " FROM " + Local(settings, "work") + final + " WHERE day >= toDate(" +
         Number(span.from_us / kSecondUs / kDayS) + ") AND due_us >= " + Number(span.from_us) + " AND due_us < " +
         Number(span.to_us);
}

uint64_t MomentUs(int64_t unix_s) { return static_cast<uint64_t>(std::max<int64_t>(unix_s, 0)) * kSecondUs; }
uint64_t Before(uint64_t moment_us, uint64_t by_us) { return moment_us - std::min(moment_us, by_us); }

}  // namespace

WorkList::WorkList(const Settings& settings, uint32_t owner, int64_t started_s)
    : settings_(settings), owner_(owner), first_us_(MomentUs(started_s - kFirstLookS)) {}

WorkList::Round WorkList::Begin(size_t shard, uint64_t to_us, int64_t sent_since_s, WhoseWork whose) {
  while (marks_.size() <= shard) marks_.push_back({first_us_, first_us_, true, {}, {}});
  Mark& mark = marks_[shard];
  mark.begun = Clock::now();
  const uint64_t sent_us = sent_since_s == INT64_MAX ? UINT64_MAX : MomentUs(sent_since_s);
  const bool may_be_others = sent_us <= mark.left_us;  // of a spool that was taken over
  // A clock that was set back gives earlier moments to new work.
  mark.own_us = std::min({mark.own_us, sent_us, Before(to_us, kOwnAgainUs)});
  mark.left_us = std::min({mark.left_us, sent_us, Before(to_us, kLeftAgainUs)});
  if (whose == WhoseWork::kOwn && mark.begun < mark.look_next && !may_be_others) return {whose, {mark.own_us, to_us}};
  mark.left_waits = true;
  if (whose == WhoseWork::kAll) return {whose, {0, to_us}};
  mark.look_next = mark.begun + kLookEvery;
  return {WhoseWork::kOwnAndLeft, {std::min(mark.left_us, mark.own_us), to_us}};
}

void WorkList::Reached(size_t shard, const Round& round, uint64_t until_us) {
  Mark& mark = marks_[shard];
  mark.own_us = std::max(mark.own_us, Before(until_us, kOwnAgainUs));
  if (round.whose == WhoseWork::kOwn) return;
  mark.left_us = std::max(mark.left_us, Before(until_us, kLeftAgainUs));
  mark.left_waits = until_us != round.span.to_us;
  const auto now = Clock::now();
  mark.look_next = std::max(mark.look_next, now + kTimesTheLook * (now - mark.begun));
}

std::vector<WorkSpan> WorkList::Parts(Node* node, const Round& round) {
  const std::string answer =
      node->Ask("SELECT intDiv(due_us, " + Number(kSecondUs) + ") AS second, count()" +
                FromWork(settings_, "", round.span) + " GROUP BY second ORDER BY second FORMAT RowBinary");
  std::vector<WorkSpan> parts;
  uint64_t rows = 0;
  RowReader row(answer);
  while (row.More()) {
    const uint64_t begins_us = row.U64() * kSecondUs;
    if (parts.empty()) {
      parts.push_back(round.span);
    } else if (rows >= kRowsOfPart) {
      parts.back().to_us = begins_us;
      parts.push_back({begins_us, round.span.to_us});
      rows = 0;
    }
    rows += row.U64();
  }
  return parts;
}

std::vector<WorkItem> WorkList::Read(Node* node, const Round& round, const WorkSpan& part) {
  std::string whose;
  if (round.whose != WhoseWork::kAll) whose = " AND (owner = " + Number(owner_);
  if (round.whose == WhoseWork::kOwnAndLeft) whose += " OR due_us < " + Number(Before(round.span.to_us, kOthersWorkUs));
  if (!whose.empty()) whose += ")";
  // FINAL merges rows that lie in order; to group them would cost six times that. The condition on `done` must not be
  // moved before it: an item that is done would be due again.
  const std::string answer =
      node->Ask("SELECT due_us, app_id, join_key, owner" + FromWork(settings_, " FINAL", part) + whose +
                    " AND done = 0 ORDER BY due_us LIMIT " + Number(kMostItems) + " FORMAT RowBinary",
                {{"optimize_move_to_prewhere", "0"}});
  return ReadRows(answer, [](RowReader* row) {
    WorkItem item;
    item.due_us = row->U64();
    item.key = row->AppAndKey();
    item.owner = row->U32();
    return item;
  });
}

void PutDone(const WorkItem& item, RowWriter* work) {
  work->Day(static_cast<int64_t>(item.due_us / kSecondUs)).U64(item.due_us).Text(item.key.first);
  work->Fixed16(item.key.second).U32(item.owner).U8(1);
}

}  // namespace whydrop::collector::clickhouse
