#include "samples/collector/store/clickhouse/spool/row_order.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "samples/collector/store/clickhouse/engine/row_binary.h"

namespace whydrop::collector::clickhouse {
namespace {

// What decides, as tables.cc orders them: `records` by app, join key and row, `work` by moment, app, join key and
// owner.
struct Parsed {
  uint64_t due_us = 0;
  std::string_view app_id;
  std::string_view key;
  uint64_t last = 0;

  bool operator<(const Parsed& other) const {
    return std::tie(due_us, app_id, key, last) < std::tie(other.due_us, other.app_id, other.key, other.last);
  }
};

Parsed Parse(Table table, std::string_view bytes) {
  RowReader row(bytes);
  Parsed parsed;
  row.Number<uint16_t>();  // the day: each is a part of its own
  if (table == Table::kWork) parsed.due_us = row.U64();
  parsed.app_id = row.TextView();
  parsed.key = row.Fixed16View();
  parsed.last = table == Table::kWork ? row.U32() : row.U64();
  return parsed;
}

// Where keys are random that tells nearly all rows apart, and half a million of them fit into a processor's cache.
struct Place {
  uint64_t due_us;
  uint64_t app_and_key;  // the rank of the app, and how the key begins
  uint32_t index;
};

constexpr size_t kKeyBytes = 5;  // beside ranks of 24 bits
constexpr uint64_t kKeyMask = (uint64_t{1} << 8 * kKeyBytes) - 1;

// The apps of some rows, by numbers in the order in which they came.
class Apps {
 public:
  uint64_t NumberOf(std::string_view app_id) {
    if (!numbers_.empty() && app_id == last_->first) return last_->second;
    last_ = numbers_.emplace(app_id, numbers_.size()).first;
    return last_->second;
  }
  // Of each number, among all apps.
  std::vector<uint64_t> Ranks() const {
    std::vector<uint64_t> ranks(numbers_.size());
    uint64_t next = 0;
    for (const auto& [app_id, number] : numbers_) ranks[number] = next++;
    return ranks;
  }

 private:
  using Numbers = std::map<std::string_view, uint64_t>;
  Numbers numbers_;
  Numbers::const_iterator last_;
};

uint64_t Beginning(std::string_view key) {
  uint64_t value = 0;
  for (const char c : key.substr(0, kKeyBytes)) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

// Each row is looked at once: they lie far apart in memory.
std::vector<Place> PlacesOf(Table table, const std::vector<std::string_view>& rows) {
  Apps apps;
  std::vector<Place> places;
  places.reserve(rows.size());
  for (const std::string_view row : rows) {
    const Parsed parsed = Parse(table, row);
    const uint64_t app = apps.NumberOf(parsed.app_id) << 8 * kKeyBytes;
    places.push_back({parsed.due_us, app | Beginning(parsed.key), static_cast<uint32_t>(places.size())});
  }
  const std::vector<uint64_t> ranks = apps.Ranks();
  for (Place& place : places) {
    const uint64_t rank = ranks[place.app_and_key >> 8 * kKeyBytes];
    place.app_and_key = rank << 8 * kKeyBytes | (place.app_and_key & kKeyMask);
  }
  return places;
}

}  // namespace

void SortRows(Table table, std::vector<std::string_view>* rows) {
  if (table != Table::kRecords && table != Table::kWork) return;
  std::vector<Place> places;
  try {
    places = PlacesOf(table, *rows);
  } catch (const StoreError&) {
    return;
  }
  std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
    if (a.due_us != b.due_us) return a.due_us < b.due_us;
    if (a.app_and_key != b.app_and_key) return a.app_and_key < b.app_and_key;
    const Parsed row_a = Parse(table, (*rows)[a.index]), row_b = Parse(table, (*rows)[b.index]);
    if (row_a < row_b) return true;
    return !(row_b < row_a) && a.index < b.index;
  });
  std::vector<std::string_view> sorted;
  sorted.reserve(rows->size());
  for (const Place& place : places) sorted.push_back((*rows)[place.index]);
  rows->swap(sorted);
}

}  // namespace whydrop::collector::clickhouse
