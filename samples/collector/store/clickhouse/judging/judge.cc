#include "samples/collector/store/clickhouse/judging/judge.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "samples/collector/store/clickhouse/engine/keys.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr int kItemsAtOnce = 20000;
constexpr uint64_t kOthersWorkUs = 30 * kSecondUs;  // then everybody's
constexpr int64_t kAloneS = 60;                     // what a dead node alone has is not waited for longer
constexpr uint64_t kNoRowsUs = kDayS * kSecondUs;   // an item without rows is given up
constexpr std::chrono::seconds kCopyWait{6};

std::string Number(uint64_t number) { return std::to_string(number); }

// What one row says in the counts.
struct Counted {
  RowKind kind = RowKind::kReported;
  uint64_t connections = 0;  // 0: the row says nothing
  Joined joined;
  int64_t decided_s = 0;
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

Judge::Judge(Cluster* cluster, Stamps* stamps, uint32_t join_window_s, Metrics* metrics)
    : cluster_(cluster),
      stamps_(stamps),
      join_window_s_(join_window_s),
      owner_(std::random_device()()),
      labels_(metrics) {}

std::vector<Judge::Item> Judge::DueItems(Node* node, uint64_t from_us, uint64_t to_us, WhoseWork whose) {
  const std::string theirs = whose == WhoseWork::kAll ? ""
                                                      : " AND (owner = " + Number(owner_) + " OR due_us < " +
                                                            Number(to_us - std::min(to_us, kOthersWorkUs)) + ")";
  const std::string answer = node->Ask(
      "SELECT due_us, app_id, join_key, owner FROM " + Local(cluster_->settings(), "work") + " WHERE day >= toDate(" +
      Number(from_us / kSecondUs / kDayS) + ") AND due_us >= " + Number(from_us) + " AND due_us < " + Number(to_us) +
      theirs + " GROUP BY due_us, app_id, join_key, owner HAVING max(done) = 0 ORDER BY due_us LIMIT " +
      Number(kItemsAtOnce) + " FORMAT RowBinary");
  return ReadRows(answer, [](RowReader* row) {
    Item item;
    item.due_us = row->U64();
    item.key = row->AppAndKey();
    item.owner = row->U32();
    return item;
  });
}

Judge::Result Judge::Pass(size_t shard, uint64_t from_us, int64_t now_s, WhoseWork whose) {
  Lag lag;
  Node* node = cluster_->Freshest(shard, &lag);
  if (node == nullptr) throw Unreachable("no node of shard " + Number(shard + 1) + " answers");
  // Who judges must know every row that was acknowledged before: of two that judge at once, the later sees both ends.
  const int64_t behind_s = lag.alone ? std::min(lag.behind_s, kAloneS) : lag.behind_s;
  const uint64_t to_us = static_cast<uint64_t>(std::max<int64_t>(now_s + 1 - behind_s, 0)) * kSecondUs;
  const std::vector<Item> items = DueItems(node, from_us, to_us, whose);
  if (items.empty()) return lag.behind_s == 0 || lag.alone ? Result::kClean : Result::kBehind;

  std::set<Key> wanted;
  for (const Item& item : items) wanted.insert(item.key);
  const ExternalTable keys = KeyTable("join_key", {wanted.begin(), wanted.end()});
  const auto ask = [node](const std::string& sql, const ExternalTable* table) { return node->Ask(sql, {}, table); };
  const auto everywhere = [this](const std::string& sql, const ExternalTable* table) {
    return cluster_->Ask(sql, table);
  };
  const std::vector<KeyRows> found = ReadEnds(cluster_->settings(), Local(cluster_->settings(), "records"),
                                              "(app_id, join_key) IN keys", ask, everywhere, &keys);
  RowWriter verdicts, work, days;
  std::vector<int64_t> touched;
  std::set<Key> judged;
  for (const KeyRows& key : found) {
    PutVerdicts(key, now_s, &verdicts, &work, &touched);
    judged.emplace(key.app_id, key.join_key);
  }
  if (!found.empty()) cluster_->InsertAt(node, "verdicts", verdicts.Take());
  PutLabels();
  // Else the node could die with the verdicts, and leave its word behind that they are made.
  if (!WaitForCopy(cluster_, shard, node)) return Result::kBehind;

  std::set<Key> waiting;  // keys whose links cannot be followed yet
  for (const Key& key : FollowLinks(node, {wanted.begin(), wanted.end()}, now_s, &waiting)) judged.insert(key);

  const bool left = PutDone(items, judged, waiting, to_us, &work);
  const int64_t touched_ms = MachineMs();
  for (const int64_t at_s : touched) days.Day(at_s).U64(static_cast<uint64_t>(touched_ms));
  const std::string touched_rows = days.Take(), work_rows = work.Take();
  if (!touched_rows.empty()) cluster_->InsertAt(node, "days", touched_rows);
  if (!work_rows.empty()) cluster_->InsertAt(node, "work", work_rows);
  return left ? Result::kBehind : Result::kMore;
}

bool Judge::PutDone(const std::vector<Item>& items, const std::set<Key>& judged, const std::set<Key>& waiting,
                    uint64_t to_us, RowWriter* work) {
  bool left = false;
  for (const Item& item : items) {
    // Its rows are on their way to this node.
    const bool missing = judged.count(item.key) == 0;
    const bool waits = waiting.count(item.key) != 0;
    left |= missing || waits;
    if (waits || (missing && item.due_us + kNoRowsUs > to_us)) continue;
    work->Day(static_cast<int64_t>(item.due_us / kSecondUs)).U64(item.due_us).Text(item.key.first);
    work->Fixed16(item.key.second).U32(item.owner).U8(1);
  }
  return left;
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

std::vector<Judge::Key> Judge::FollowLinks(Node* node, const std::vector<Key>& keys, int64_t now_s,
                                           std::set<Key>* waiting) {
  const ExternalTable table = KeyTable("link_key", keys);
  const std::string answer =
      node->Ask("SELECT app_id, link_key, max(number), groupUniqArrayIf(join_key, number = 0) FROM " +
                    Local(cluster_->settings(), "links") +
                    " WHERE (app_id, link_key) IN keys GROUP BY app_id, link_key FORMAT RowBinary",
                {}, &table);
  if (answer.empty()) return {};
  // Who judges the other connection may ask any node for what links the two.
  const bool may_follow = cluster_->AnswersBehindS() == 0;
  std::vector<Key> followed;
  std::map<size_t, RowWriter> work;  // by shard
  RowReader row(answer);
  while (row.More()) {
    const Key key = row.AppAndKey();
    const bool attempted = row.U32() != 0;
    for (const std::string& join_key : row.Fixed16s()) {
      if (!attempted || !may_follow) continue;
      RowWriter& rows = work[HashOf(join_key) % cluster_->shards()];
      rows.Day(now_s).U64(stamps_->Next(now_s)).Text(key.first).Fixed16(join_key).U32(owner_).U8(0);
    }
    may_follow ? followed.push_back(key) : void(waiting->insert(key));
  }
  for (auto& [shard, rows] : work) cluster_->Insert(shard, TableName(Table::kWork), rows.Take());
  return followed;
}

void Judge::PutVerdicts(const KeyRows& key, int64_t now_s, RowWriter* verdicts, RowWriter* work,
                        std::vector<int64_t>* days) {
  std::vector<Counted> counted = CountKey(key, {now_s, join_window_s_});
  const uint64_t version = uint64_t{key.rows.size() + key.attempts} << 32 | static_cast<uint32_t>(now_s);
  std::set<int64_t> due;
  for (size_t i = 0; i < key.rows.size(); ++i) {
    std::string& server_error = counted[i].joined.server_error;
    server_error = labels_.FoldServerError(key.app_id, std::move(server_error));
    PutVerdict(key.rows[i], counted[i], version, verdicts);
    if (counted[i].decided_s > now_s) due.insert(counted[i].decided_s);
    const int64_t at_s = key.rows[i].end.view.ended_unix_s;
    const bool known =
        std::any_of(days->begin(), days->end(), [&](int64_t day) { return day / kDayS == at_s / kDayS; });
    if (!known) days->push_back(at_s);
  }
  for (const int64_t at_s : due) {
    work->Day(at_s)
        .U64(static_cast<uint64_t>(at_s) * kSecondUs)
        .Text(key.app_id)
        .Fixed16(key.join_key)
        .U32(owner_)
        .U8(0);
  }
}

}  // namespace whydrop::collector::clickhouse
