#include "samples/collector/store/sqlite/counting.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "samples/collector/store/groups.h"
#include "samples/collector/store/sqlite/counted_tables.h"
#include "samples/collector/store/sqlite/filters.h"
#include "samples/collector/store/sqlite/rollups.h"

namespace whydrop::collector {
namespace {

constexpr size_t kMaxDimensions = 8;
// What is gathered in memory for one question, some 200 bytes each. An answer holds a tenth of it.
constexpr size_t kMaxGathered = 10 * kMaxGroups;

bool IsText(const std::string& dimension) {
  return IsFacet(dimension) || dimension == "app_version" || dimension == "server_error";
}

// What makes the number of a dimension out of that of a column.
int64_t NumberOf(const std::string& dimension, int64_t column) {
  if (dimension == "side") return column / 100;
  if (dimension == "platform") return CountedPlatform(column);
  return column;
}

// Gives texts numbers, so that rows are grouped by numbers alone.
class Texts {
 public:
  int64_t NumberOf(std::string text) {
    const auto [at, added] = numbers_.emplace(std::move(text), static_cast<int64_t>(texts_.size()));
    if (added) texts_.push_back(at->first);
    return at->second;
  }
  const std::string& TextOf(int64_t number) const { return texts_[static_cast<size_t>(number)]; }

 private:
  std::unordered_map<std::string, int64_t> numbers_;
  std::vector<std::string> texts_;
};

void RefuseBeyondLimit(size_t groups) {
  if (groups <= kMaxGathered) return;
  throw QuestionGivenUp("more than " + std::to_string(kMaxGathered) +
                        " groups: ask for a shorter time, or by fewer dimensions");
}

// Sums of the rows of one statement by the numbers in their columns.
class Sums {
 public:
  using Key = std::array<int64_t, kMaxDimensions + 1>;  // the kind, then the dimensions
  void Add(const Key& key, int64_t count) {
    sums_[key] += count;
    RefuseBeyondLimit(sums_.size());
  }
  const auto& all() const { return sums_; }

 private:
  struct Hash {
    size_t operator()(const Key& key) const {
      uint64_t hash = 0;
      for (const int64_t part : key) hash = (hash ^ static_cast<uint64_t>(part)) * 0x9E3779B97F4A7C15u + (hash >> 29);
      return static_cast<size_t>(hash ^ (hash >> 32));
    }
  };
  std::unordered_map<Key, int64_t, Hash> sums_;
};

class GroupCounter {
 public:
  GroupCounter(const Database& db, const CountQuery& query) : db_(db), query_(query), plan_(PlanCounts(query)) {}

  std::vector<CountedGroup> Count() {
    for (const CountSpan& span : plan_.spans) {
      span.hours != 0 ? AddCounts(span) : AddRows(span.from, span.to);
    }
    std::vector<CountedGroup> groups;
    for (const auto& [key, count] : groups_) {
      if (count != 0) groups.push_back({key.first, key.second, count});
    }
    return groups;
  }

 private:
  using Bound = std::optional<int64_t>;

  void AddCounts(const CountSpan& span) {
    ReadCounts(span, plan_.facet, 1);
    // A connection without the tag has no count of this facet: it is one of all, but of none of the values.
    const bool by_tag = IsTag(plan_.facet) && !plan_.value;
    if (!by_tag) return;
    ReadCounts(span, plan_.facet, -1);
    ReadCounts(span, "", 1);
  }

  // The second of these passes, and the third, count what they find as if it had no value.
  void ReadCounts(const CountSpan& span, const std::string& facet, int64_t sign) {
    const bool valued = facet == plan_.facet && sign > 0;
    std::string sql = "SELECT kind, count";
    for (const std::string& dimension : query_.dimensions) sql += ", " + CountColumn(dimension, span.hours, valued);
    sql += " FROM counts WHERE app IN (SELECT id FROM words WHERE word " +
           std::string(query_.app_id.empty() ? "IN (SELECT value FROM labels WHERE app_id = '' AND dimension = 'app')"
                                             : "= ?") +
           ") AND facet = (SELECT id FROM words WHERE word = ?)";
    if (plan_.value || facet.empty()) sql += " AND value = (SELECT id FROM words WHERE word = ?)";
    sql += " AND hours = " + std::to_string(span.hours);
    const int64_t step_s = span.hours * kHourS;
    if (span.from) sql += " AND bucket >= " + std::to_string(FloorDiv(*span.from, step_s));
    if (span.to) sql += " AND bucket < " + std::to_string(FloorDiv(*span.to, step_s));
    sql += query_.of == CountedKind::kClientSessions ? " AND kind = 3" : " AND kind < 3";
    sql += OutcomeCondition();
    if (!query_.app_version.empty()) sql += " AND version = (SELECT id FROM words WHERE word = ?)";
    if (query_.platform) sql += " AND platform = " + std::to_string(*query_.platform);
    Statement rows(db_, sql);
    if (!query_.app_id.empty()) rows.Text(query_.app_id);
    rows.Text(facet);
    if (plan_.value || facet.empty()) rows.Text(facet.empty() ? "" : *plan_.value);
    if (!query_.app_version.empty()) rows.Text(query_.app_version);
    AddUp(
        &rows, sign, [](const Statement& row, int column) { return row.IntAt(column); },
        [this](int64_t word) { return WordOf(word); });
  }

  static std::string CountColumn(const std::string& dimension, int64_t hours, bool valued) {
    if (IsFacet(dimension)) return valued ? "value" : "0";
    if (dimension == "side") return "cause";
    if (dimension == "app_version") return "version";
    if (dimension == "hour") return "bucket";
    if (dimension == "day") return hours == kHoursOfDay ? "bucket" : "bucket / 24";
    return dimension;
  }

  void AddRows(Bound from, Bound to) {
    ConnectionFilter filter = query_;
    filter.from = from;
    filter.to = to;
    const bool sessions = query_.of == CountedKind::kClientSessions;
    std::string sql = sessions ? "SELECT 3, 1" : "SELECT c.kind, c.count", joins;
    for (const std::string& dimension : query_.dimensions) {
      if (IsTag(dimension)) {
        const std::string tag = "t" + std::to_string(tags_of_.size());
        joins += " LEFT JOIN tag_set_tags " + tag + " ON " + tag + ".tag_set = c.tag_set AND " + tag + ".key = ?";
        sql += ", coalesce(" + tag + ".value, '')";
        tags_of_.push_back(dimension.substr(kTagPrefix.size()));
      } else {
        sql += ", " + RowColumn(dimension, sessions);
      }
    }
    // Without a time most rows are wanted: the plus keeps SQLite from fetching them one by one through an index.
    const std::string prefix = from || to ? "c." : "+c.";
    sql += sessions
               ? " FROM sessions c" + joins + " WHERE role = 0" + SessionConditions(filter, prefix)
               : " FROM connections c" + joins + " WHERE 1" + ConnectionConditions(filter, prefix) + OutcomeCondition();
    if (query_.finding != 0) sql += " AND c.findings & " + std::to_string(query_.finding) + " <> 0";
    Statement rows(db_, sql);
    for (const std::string& key : tags_of_) rows.Text(key);
    tags_of_.clear();
    sessions ? BindSessionFilter(filter, &rows) : BindConnectionFilter(filter, &rows);
    Texts texts;
    AddUp(
        &rows, 1, [&texts](const Statement& row, int column) { return texts.NumberOf(row.TextAt(column)); },
        [&texts](int64_t number) { return texts.TextOf(number); });
  }

  static std::string RowColumn(const std::string& dimension, bool sessions) {
    const std::string time = sessions ? "c.ended_s" : "c.at_s";
    if (dimension == "day") return time + " / 86400";
    if (dimension == "hour") return time + " / 3600";
    if (dimension == "side" || dimension == "cause") return sessions ? "c.end" : "c.cause";
    return "c." + dimension;
  }

  // Server records without a token count apart, whatever their outcome.
  std::string OutcomeCondition() const {
    return query_.outcome ? " AND (kind = 2 OR outcome = " + std::to_string(static_cast<int32_t>(*query_.outcome)) + ")"
                          : "";
  }

  // Columns: the kind, the count, the dimensions. `number_of` reads a text's number, `text_of` knows what it stands
  // for.
  void AddUp(Statement* rows, int64_t sign, const std::function<int64_t(const Statement&, int)>& number_of,
             const std::function<std::string(int64_t)>& text_of) {
    const size_t dimensions = query_.dimensions.size();
    std::vector<bool> texts;
    for (const std::string& dimension : query_.dimensions) texts.push_back(IsText(dimension));
    Sums sums;
    while (rows->Step()) {
      Sums::Key key{};
      key[0] = rows->IntAt(0);
      for (size_t i = 0; i < dimensions; ++i) {
        const int column = static_cast<int>(i) + 2;
        key[i + 1] = texts[i] ? number_of(*rows, column) : rows->IntAt(column);
      }
      sums.Add(key, rows->IntAt(1) * sign);
    }
    for (const auto& [key, count] : sums.all()) {
      std::vector<GroupValue> values(dimensions);
      for (size_t i = 0; i < dimensions; ++i) {
        if (texts[i]) values[i].text = text_of(key[i + 1]);
        if (!texts[i]) values[i].number = NumberOf(query_.dimensions[i], key[i + 1]);
      }
      groups_[{std::move(values), key[0]}] += count;
      RefuseBeyondLimit(groups_.size());
    }
  }

  std::string WordOf(int64_t id) {
    const auto [at, added] = words_.emplace(id, "");
    if (added) {
      Statement word(db_, "SELECT word FROM words WHERE id = ?");
      if (word.Int(id).Step()) at->second = word.TextAt(0);
    }
    return at->second;
  }

  const Database& db_;
  const CountQuery& query_;
  const CountPlan plan_;
  std::vector<std::string> tags_of_;
  std::unordered_map<int64_t, std::string> words_;
  std::map<std::pair<std::vector<GroupValue>, int64_t>, int64_t> groups_;  // by values and kind
};

std::string TimeName(int64_t unix_s, const char* format) {
  const time_t time = unix_s;
  tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

}  // namespace

std::vector<CountedGroup> CountGroups(const Database& db, const CountQuery& query) {
  return GroupCounter(db, query).Count();
}

std::string NameOfValue(const std::string& dimension, const GroupValue& value) {
  if (dimension == "day") return TimeName(value.number * kDayS, "%Y-%m-%d");
  if (dimension == "hour") return TimeName(value.number * kHourS, "%Y-%m-%dT%H:00Z");
  const std::optional<std::string> name = NameOfNumber(dimension, value.number);
  return name ? *name : value.text;
}

}  // namespace whydrop::collector
