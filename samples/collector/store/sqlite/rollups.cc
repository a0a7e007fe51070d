#include "samples/collector/store/sqlite/rollups.h"

#include <algorithm>

#include "samples/collector/store/groups.h"

namespace whydrop::collector {
namespace {

constexpr size_t kMaxRemembered = 100000;  // words or sets of tags; beyond it they are looked up again

const std::string kColumns = "app, facet, value, hours, bucket, kind, outcome, cause, server_error, version, platform";

std::string ChangeSql() {
  return "INSERT INTO counts (" + kColumns + ", count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (" +
         kColumns + ") DO UPDATE SET count = count + excluded.count";
}

}  // namespace

Rollups::Rollups(Database* db)
    : db_(db),
      find_word_(*db, "SELECT id FROM words WHERE word = ?"),
      add_word_(*db, "INSERT INTO words (word) VALUES (?)"),
      find_set_(*db, "SELECT id, used_s FROM tag_sets WHERE tags = ?"),
      add_set_(*db, "INSERT INTO tag_sets (tags, used_s) VALUES (?, ?)"),
      use_set_(*db, "UPDATE tag_sets SET used_s = ? WHERE id = ?"),
      add_set_tag_(*db, "INSERT INTO tag_set_tags VALUES (?, ?, ?)"),
      set_tags_(*db, "SELECT key, value FROM tag_set_tags WHERE tag_set = ?"),
      add_(*db, ChangeSql()),
      take_(*db, ChangeSql() + " RETURNING count"),
      drop_(*db, "DELETE FROM counts WHERE (" + kColumns + ") = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") {}

size_t Rollups::KeyHash::operator()(const Key& key) const {
  uint64_t hash = 0;
  for (const int64_t part : key) hash = (hash ^ static_cast<uint64_t>(part)) * 0x9E3779B97F4A7C15u + (hash >> 29);
  return static_cast<size_t>(hash ^ (hash >> 32));
}

int64_t Rollups::Word(const std::string& word) {
  if (word.empty()) return 0;
  const auto known = words_.find(word);
  if (known != words_.end()) return known->second;
  int64_t id = 0;
  {
    const ScopedReset reset(&find_word_);
    if (find_word_.Text(word).Step()) id = find_word_.IntAt(0);
  }
  if (id == 0) {
    add_word_.Text(word).Execute();
    id = db_->LastId();
  }
  if (words_.size() >= kMaxRemembered) words_.clear();
  words_.emplace(word, id);
  return id;
}

int64_t Rollups::TagSet(const std::map<std::string, std::string>& tags, int64_t now_s) {
  if (tags.empty()) return 0;
  std::string text;
  for (const auto& [key, value] : tags) text += (text.empty() ? "" : "\n") + key + "=" + value;
  const int64_t today = FloorDiv(now_s, kDayS);
  const auto known = sets_.find(text);
  if (known != sets_.end() && known->second.second >= today) return known->second.first;
  int64_t id = 0, used_s = 0;
  {
    const ScopedReset reset(&find_set_);
    if (find_set_.Text(text).Step()) id = find_set_.IntAt(0), used_s = find_set_.IntAt(1);
  }
  if (id == 0) {
    add_set_.Text(text).Int(now_s).Execute();
    id = db_->LastId();
    for (const auto& [key, value] : tags) add_set_tag_.Int(id).Text(key).Text(value).Execute();
  } else if (FloorDiv(used_s, kDayS) < today) {
    use_set_.Int(now_s).Int(id).Execute();
  }
  if (sets_.size() >= kMaxRemembered) sets_.clear();
  sets_[text] = {id, today};
  return id;
}

const Rollups::Facets& Rollups::FacetsOf(int64_t tag_set) {
  const auto known = facets_.find(tag_set);
  if (known != facets_.end()) return known->second;
  Facets facets;
  {
    const ScopedReset reset(&set_tags_);
    set_tags_.Int(tag_set);
    while (set_tags_.Step()) facets.emplace_back(Word(kTagPrefix + set_tags_.TextAt(0)), Word(set_tags_.TextAt(1)));
  }
  if (facets_.size() >= kMaxRemembered) facets_.clear();
  return facets_.emplace(tag_set, std::move(facets)).first->second;
}

void Rollups::Change(const CountedRow& row, int64_t by) {
  Key key = {Word(row.app_id),
             0,
             0,
             1,
             FloorDiv(row.at_s, kHourS),
             row.kind,
             row.outcome,
             row.cause,
             Word(row.server_error),
             Word(row.app_version),
             row.platform};
  changes_[key] += by;
  key[3] = kHoursOfDay;
  key[4] = FloorDiv(row.at_s, kDayS);
  const auto count = [&](int64_t facet, int64_t value) {
    key[1] = facet;
    key[2] = value;
    changes_[key] += by;
  };
  count(0, 0);
  for (const auto& [facet, value] : FacetsOf(row.tag_set)) count(facet, value);
  if (row.kind == static_cast<int64_t>(RowKind::kClientSession)) return;
  count(Word(kEndpointFacet), Word(row.endpoint));
  count(Word(kNetworkFacet), Word(row.network));
  for (uint32_t bit = 1; bit != 0 && bit <= row.findings; bit <<= 1) {
    if ((row.findings & bit) != 0) count(Word(FindingFacet(bit)), Word(row.endpoint));
  }
}

void Rollups::Write() {
  std::vector<std::pair<Key, int64_t>> changes;
  for (const auto& [key, by] : changes_) {
    if (by != 0) changes.emplace_back(key, by);
  }
  changes_.clear();
  // In the order of the tables, so that neighbours are changed while their page is at hand.
  std::sort(changes.begin(), changes.end());
  for (const auto& [key, by] : changes) WriteOne(key, by);
}

// Only a count that became less can be 0 now; the others are not asked for.
void Rollups::WriteOne(const Key& key, int64_t by) {
  Statement& change = by > 0 ? add_ : take_;
  for (const int64_t part : key) change.Int(part);
  change.Int(by);
  if (by > 0) return change.Execute();
  change.Step();
  const int64_t count = change.IntAt(0);
  change.Execute();
  if (count != 0) return;
  for (const int64_t part : key) drop_.Int(part);
  drop_.Execute();
}

void Rollups::Forget() {
  words_.clear();
  sets_.clear();
  facets_.clear();
  changes_.clear();
}

}  // namespace whydrop::collector
