// Rows in the order of their table, as the engine compares them.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/spool/row_order.h"

using namespace whydrop::collector;
using namespace whydrop::collector::clickhouse;

namespace {

struct Made {
  uint64_t due_us;
  std::string app, key;
  uint64_t last;
  std::string row;

  auto Order() const { return std::tie(due_us, app, key, last); }
};

std::vector<Made> Make(Table table, size_t count) {
  std::mt19937_64 random(7);
  std::vector<Made> all;
  for (size_t i = 0; i < count; ++i) {
    Made made;
    made.due_us = table == Table::kWork ? random() % 3 : 0;
    // One is the beginning of another, and bytes beyond 0x7f are large.
    made.app = std::vector<std::string>{"game", "game-2", "", "a"}[random() % 4];
    made.key = std::string(16, static_cast<char>(random() % 4 * 80));
    made.key[15] = static_cast<char>(random() % 2 * 200);
    made.last = random() % 3 * 0x01000100;
    RowWriter row;
    row.Day(1700000000);
    if (table == Table::kWork) row.U64(made.due_us);
    row.Text(made.app).Fixed16(made.key);
    table == Table::kWork ? row.U32(made.last) : row.U64(made.last);
    made.row = row.Text("and what else is in row " + std::to_string(i)).Take();
    all.push_back(made);
  }
  return all;
}

std::vector<std::string_view> RowsOf(const std::vector<Made>& all) {
  std::vector<std::string_view> rows;
  for (const Made& made : all) rows.push_back(made.row);
  return rows;
}

}  // namespace

TEST_CASE("rows are put into the order of their table, and equal ones stay as they came") {
  for (const Table table : {Table::kRecords, Table::kWork}) {
    std::vector<Made> all = Make(table, 2000);
    std::vector<std::string_view> rows = RowsOf(all);
    SortRows(table, &rows);
    std::stable_sort(all.begin(), all.end(), [](const Made& a, const Made& b) { return a.Order() < b.Order(); });
    CHECK(rows == RowsOf(all));
  }
}

TEST_CASE("rows that are none of the table, or of another table, stay as they are") {
  std::vector<Made> all = Make(Table::kRecords, 10);
  all[5].row = "short";
  const std::vector<std::string_view> rows = RowsOf(all);
  std::vector<std::string_view> tried = rows;
  SortRows(Table::kRecords, &tried);
  CHECK(tried == rows);
  all[5].row = all[4].row;
  tried = RowsOf(all);
  SortRows(Table::kSessions, &tried);
  CHECK(tried == RowsOf(all));
  tried.clear();
  SortRows(Table::kRecords, &tried);
  CHECK(tried.empty());
}
