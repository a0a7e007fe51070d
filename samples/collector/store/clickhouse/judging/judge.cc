#include "samples/collector/store/clickhouse/judging/judge.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "samples/collector/store/clickhouse/engine/keys.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr ptrdiff_t kItemsAtOnce = 25000;          // with their rows in memory
constexpr size_t kBytesAtOnce = size_t{32} << 20;  // of verdicts
constexpr size_t kItemsOfRound = 2000000;          // then others have their turn
constexpr int64_t kAloneS = 60;                    // what a dead node alone has is not waited for longer
constexpr uint64_t kNoRowsUs = kDayS * kSecondUs;  // an item without rows is given up
constexpr std::chrono::seconds kCopyWait{6};
// The second is for the connections that links led to in the first, perhaps in a shard that was done. They lead no
// further: where tokens that somebody chose to be link keys lead in a circle, a round ends all the same.
constexpr int kPasses = 2;

// What became due before may be judged by what the node has.
uint64_t KnownUntilUs(const Lag& lag, int64_t now_s) {
  const int64_t behind_s = lag.alone ? std::min(lag.behind_s, kAloneS) : lag.behind_s;
  return static_cast<uint64_t>(std::max<int64_t>(now_s + 1 - behind_s, 0)) * kSecondUs;
}

// What one row says in the counts.
struct Counted {
  RowKind kind = RowKind::kReported;
  uint64_t connections = 0;  // 0: the row says nothing
  Joined joined;
  int64_t decided_s = 0;
  int64_t again_s = 0;
  uint32_t findings = 0;
  std::string server_session;
};

void PutVerdict(const EndRow& row, const Counted& counted, uint64_t version, RowWriter* out) {
  const EndView& view = row.end.view;
  const bool client = row.end.role == Role::kClient;
  const Verdict& verdict = counted.joined.verdict.verdict;
  out->Day(view.ended_unix_s).Text(row.end.app_id).U64(row.row_id).U64(version).U8(static_cast<uint8_t>(counted.kind));
  out->U64(counted.connections)
      .Time(view.ended_unix_s)
      .I32(verdict.cause)
      .I32(static_cast<int32_t>(verdict.confidence));
  out->I32(static_cast<int32_t>(counted.joined.verdict.outcome));
  // Version, platform and tags are the client's: a server's own would be counted as if players ran it.
  out->Text(client || row.counted != 0 ? view.app_version : "").Text(view.endpoint).Text(row.end.network);
  out->I32(client || row.counted != 0 ? static_cast<int32_t>(CountedPlatform(view.record.platform)) : 0)
      .Text(counted.joined.server_error);
  out->Time(counted.decided_s).U32(counted.findings).Fixed16(row.end.has_token ? row.join_key : "");
  out->U8(row.end.has_token).Fixed16(view.session_id).Fixed16(counted.server_session);
  const bool tagged = client || row.counted != 0;
  out->Texts(tagged ? row.tag_keys : std::vector<std::string>());
  out->Texts(tagged ? row.tag_values : std::vector<std::string>());
}

Counted CountSession(const EndRow& row) {
  Counted counted;
  counted.kind = RowKind::kClientSession;
  counted.connections = row.counted;
  counted.joined.verdict.verdict.cause = row.cause;
  return counted;
}

Counted CountTotal(const EndRow& row) {
  Counted counted;
  counted.kind = row.end.role == Role::kClient ? RowKind::kReported : RowKind::kUnjoinedServer;
  counted.connections = row.counted;
  counted.joined.verdict.verdict.cause = row.cause;
  counted.joined.verdict.verdict.confidence = Confidence::kLow;
  counted.joined.verdict.outcome = OutcomeOfCause(row.cause);
  counted.joined.server_error = "no record";
  return counted;
}

Counted CountEnd(const CountedEnd& end) {
  const StoredEnd* server = end.server;
  const bool was_open = server != nullptr && server->view.record.open;
  return {end.kind,
          1,
          end.judgement.joined,
          end.judgement.decided_s,
          end.judgement.again_s,
          end.findings,
          was_open ? server->view.session_id : ""};
}

// What each row that holds says; the others, and those that tell no end, say nothing.
std::vector<Counted> CountKey(const KeyRows& key, const JoinTime& time) {
  std::vector<Counted> all(key.rows.size());
  // The kind tells sessions from connections, whether a row holds or not.
  for (size_t i = 0; i < all.size(); ++i) {
    if (key.rows[i].is_session) all[i].kind = RowKind::kClientSession;
  }
  std::vector<StoredEnd> ends;
  std::vector<size_t> joined;  // the rows of `ends`
  for (const size_t index : key.held) {
    const EndRow& row = key.rows[index];
    if (row.counted != 0) {
      all[index] = row.is_session ? CountSession(row) : CountTotal(row);
    } else if (row.end.has_token && ends.size() < kMaxTokenShared) {
      ends.push_back(row.end);
      joined.push_back(index);
    } else {
      StoredEnd alone = row.end;
      alone.has_token = false;
      for (const CountedEnd& end : JudgeAlone(alone, time)) all[index] = CountEnd(end);
    }
  }
  for (const CountedEnd& end : JudgeToken(ends, time)) {
    all[joined[static_cast<size_t>(end.of - ends.data())]] = CountEnd(end);
  }
  return all;
}

}  // namespace

int64_t MachineMs() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

bool WaitForCopy(Cluster* cluster, size_t shard, Node* node) {
  const auto started = std::chrono::steady_clock::now();
  for (;;) {
    const auto waited = std::chrono::steady_clock::now() - started;
    bool others = false;
    for (Node* other : cluster->Replicas(shard)) {
      if (other == node || !other->reached()) continue;
      const Lag lag = cluster->LagOf(other);
      if (!lag.reached) continue;
      others = true;
      if (std::chrono::seconds(lag.behind_s) < waited || lag.behind_s == 0) return true;
    }
    if (!others) return true;
    if (waited > kCopyWait) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Judge::Judge(Cluster* cluster, Stamps* stamps, uint32_t join_window_s, int64_t started_s, Metrics* metrics)
    : cluster_(cluster),
      stamps_(stamps),
      join_window_s_(join_window_s),
      owner_(std::random_device()()),
      work_list_(cluster->settings(), owner_, started_s),
      labels_(metrics) {}

bool Judge::Round(int64_t now_s, int64_t sent_since_s, WhoseWork whose, const MayGoOnFn& may_go_on) {
  bool clean = true;
  made_work_ = true;
  for (int pass = 0; pass < kPasses && clean && made_work_; ++pass) {
    made_work_ = false;
    for (size_t shard = 0; shard < cluster_->shards(); ++shard) {
      clean &= RoundOfShard(shard, now_s, sent_since_s, whose, may_go_on);
    }
  }
  return clean;
}

bool Judge::RoundOfShard(size_t shard, int64_t now_s, int64_t sent_since_s, WhoseWork whose,
                         const MayGoOnFn& may_go_on) {
  if (!may_go_on()) return false;
  Lag lag;
  Node* node = cluster_->Freshest(shard, &lag);
  if (node == nullptr) throw Unreachable("no node of shard " + std::to_string(shard + 1) + " answers");
  const Of of{shard, node, KnownUntilUs(lag, now_s), now_s};
  const WorkList::Round round = work_list_.Begin(shard, of.until_us, sent_since_s, whose);
  bool clean = lag.behind_s == 0 || lag.alone;
  size_t judged = 0;
  for (const WorkSpan& part : work_list_.Parts(node, round)) {
    if (judged >= kItemsOfRound) return false;
    size_t count = 0;
    Result result = Result::kDone;
    do {
      std::vector<WorkItem> items = work_list_.Read(node, round, part);
      count = items.size();
      judged += count;
      result = JudgeItems(of, std::move(items), may_go_on);
    } while (result == Result::kDone && count == WorkList::kMostItems);
    if (result == Result::kStop) return false;
    clean &= result == Result::kDone;
    if (clean) work_list_.Reached(shard, round, part.to_us);
  }
  if (clean) work_list_.Reached(shard, round, of.until_us);
  return clean && !work_list_.LeftWaits(shard);
}

Judge::Result Judge::JudgeItems(const Of& of, std::vector<WorkItem> items, const MayGoOnFn& may_go_on) {
  // Keys that lie side by side are read together: all parts of all items cost one look at each row of the table.
  std::sort(items.begin(), items.end(), [](const WorkItem& a, const WorkItem& b) { return a.key < b.key; });
  Result all = Result::kDone;
  Judged judged;
  const WorkItem* const end = items.data() + items.size();
  for (Items some{items.data(), items.data()}; some.begin_ != end; some.begin_ = some.end_) {
    if (!may_go_on()) return Result::kStop;
    some.end_ += std::min(kItemsAtOnce, end - some.begin_);
    while (some.end_ != end && some.end_->key == some.end_[-1].key) ++some.end_;
    const Result result = JudgeKeys(of, some, &judged);
    if (result == Result::kStop) return result;
    if (result == Result::kWaits) all = result;
    const bool is_full = judged.verdicts.bytes().size() >= kBytesAtOnce;
    if ((is_full || some.end_ == end) && !Write(of, &judged)) return Result::kStop;
  }
  return all;
}

Judge::Result Judge::JudgeKeys(const Of& of, Items items, Judged* judged) {
  // Who judges must know every row that was acknowledged before: of two that judge at once, the later sees both ends.
  const Lag lag = cluster_->LagOf(of.node);
  if (!lag.reached) return Result::kStop;
  const uint64_t until_us = std::min(of.until_us, KnownUntilUs(lag, of.now_s));
  std::vector<WorkKey> wanted;
  for (const WorkItem& item : items) {
    if (item.due_us < until_us && (wanted.empty() || wanted.back() != item.key)) wanted.push_back(item.key);
  }
  if (wanted.empty()) return Result::kWaits;
  const ExternalTable keys = KeyTable("join_key", wanted);
  const auto ask = [&of](const std::string& sql, const ExternalTable* table) { return of.node->Ask(sql, {}, table); };
  const auto everywhere = [this](const std::string& sql, const ExternalTable* table) {
    return cluster_->Ask(sql, table);
  };
  const std::vector<KeyRows> found = ReadEnds(cluster_->settings(), Local(cluster_->settings(), "records"),
                                              OfKeys("join_key"), ask, everywhere, &keys);
  std::vector<WorkKey> done;
  for (const KeyRows& key : found) {
    PutVerdicts(key, of.now_s, judged);
    done.emplace_back(key.app_id, key.join_key);
  }
  std::vector<WorkKey> waiting;  // keys whose links cannot be followed yet
  for (WorkKey& key : FollowLinks(of, KeyTable("link_key", wanted), &waiting)) done.push_back(std::move(key));
  return PutAllDone(items, std::move(done), std::move(waiting), until_us, &judged->work);
}

// Many rows at once: each row costs the engine little, and each file that it makes of them much.
bool Judge::Write(const Of& of, Judged* judged) {
  const std::string verdicts = judged->verdicts.Take(), work = judged->work.Take();
  if (!verdicts.empty()) cluster_->InsertAt(of.node, "verdicts", verdicts);
  PutLabels();
  // Else the node could die with the verdicts, and leave its word behind that they are made.
  if (!WaitForCopy(cluster_, of.shard, of.node)) return false;
  RowWriter days;
  const int64_t touched_ms = MachineMs();
  for (const int64_t at_s : judged->touched) days.Day(at_s).U64(static_cast<uint64_t>(touched_ms));
  judged->touched.clear();
  if (!days.bytes().empty()) cluster_->InsertAt(of.node, "days", days.Take());
  if (!work.empty()) cluster_->InsertAt(of.node, "work", work);
  return true;
}

Judge::Result Judge::PutAllDone(Items items, std::vector<WorkKey> done, std::vector<WorkKey> waiting, uint64_t until_us,
                                RowWriter* work) {
  std::sort(done.begin(), done.end());
  std::sort(waiting.begin(), waiting.end());
  const auto has = [](const std::vector<WorkKey>& keys, const WorkKey& key) {
    return std::binary_search(keys.begin(), keys.end(), key);
  };
  Result result = Result::kDone;
  for (const WorkItem& item : items) {
    const bool missing = !has(done, item.key);
    const bool waits = item.due_us >= until_us || has(waiting, item.key);
    if (missing || waits) result = Result::kWaits;
    if (waits || (missing && item.due_us + kNoRowsUs > until_us)) continue;
    PutDone(item, work);
  }
  return result;
}

void Judge::PutLabels() {
  try {
    for (const Label& label : labels_.TakeNew()) {
      cluster_->Insert(HashOf(label.app_id) % cluster_->shards(), TableName(Table::kLabels),
                       RowWriter().Text(label.app_id).Text(label.dimension).Text(label.value).Take());
    }
  } catch (const StoreError&) {
    labels_.Forget();
    throw;
  }
}

std::vector<WorkKey> Judge::FollowLinks(const Of& of, const ExternalTable& keys, std::vector<WorkKey>* waiting) {
  const std::string answer =
      of.node->Ask("SELECT app_id, link_key, max(number), groupUniqArrayIf(join_key, number = 0) FROM " +
                       Local(cluster_->settings(), "links") + " PREWHERE " + OfKeys("link_key") +
                       " GROUP BY app_id, link_key FORMAT RowBinary",
                   {}, &keys);
  if (answer.empty()) return {};
  // Who judges the other connection may ask any node for what links the two.
  const bool may_follow = cluster_->AnswersBehindS() == 0;
  std::vector<WorkKey> followed;
  std::map<size_t, RowWriter> work;  // by shard
  RowReader row(answer);
  while (row.More()) {
    const WorkKey key = row.AppAndKey();
    const bool attempted = row.U32() != 0;
    for (const std::string& join_key : row.Fixed16s()) {
      if (!attempted || !may_follow) continue;
      RowWriter& rows = work[HashOf(join_key) % cluster_->shards()];
      rows.Day(of.now_s).U64(stamps_->Next(of.now_s)).Text(key.first).Fixed16(join_key).U32(owner_).U8(0);
    }
    (may_follow ? &followed : waiting)->push_back(key);
  }
  for (auto& [shard, rows] : work) cluster_->Insert(shard, TableName(Table::kWork), rows.Take());
  made_work_ |= !work.empty();
  return followed;
}

void Judge::PutVerdicts(const KeyRows& key, int64_t now_s, Judged* out) {
  std::vector<Counted> counted = CountKey(key, {now_s, join_window_s_});
  const uint64_t version = uint64_t{key.rows.size() + key.attempts} << 32 | static_cast<uint32_t>(now_s);
  std::set<int64_t> due;
  for (size_t i = 0; i < key.rows.size(); ++i) {
    std::string& server_error = counted[i].joined.server_error;
    server_error = labels_.FoldServerError(key.app_id, std::move(server_error));
    PutVerdict(key.rows[i], counted[i], version, &out->verdicts);
    if (counted[i].again_s > now_s) due.insert(counted[i].again_s);
    const int64_t at_s = key.rows[i].end.view.ended_unix_s;
    const bool known =
        std::any_of(out->touched.begin(), out->touched.end(), [&](int64_t day) { return day / kDayS == at_s / kDayS; });
    if (!known) out->touched.push_back(at_s);
  }
  for (const int64_t at_s : due) {
    out->work.Day(at_s)
        .U64(static_cast<uint64_t>(at_s) * kSecondUs)
        .Text(key.app_id)
        .Fixed16(key.join_key)
        .U32(owner_)
        .U8(0);
  }
}

}  // namespace whydrop::collector::clickhouse
