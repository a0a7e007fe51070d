// Reads what both ends reported of a connection, and settles which of several rows of one connection holds: the same
// whatever order and number they arrived in.
//
// Thread rule: pure, but for what asks a node.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_ENDS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_ENDS_H

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/clickhouse/engine/node.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/clickhouse/engine/tables.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {

// A row of `records`.
struct EndRow {
  StoredEnd end;
  std::string join_key;
  uint64_t row_id = 0;
  uint64_t received_us = 0;
  uint32_t number = 0;
  uint32_t rotation = 0;
  bool linked = false;      // its session comes in several batches
  bool is_session = false;  // not a connection's
  uint64_t counted = 0;     // a close total's, or 1 session
  Cause cause = 0;          // as counted
  std::vector<std::string> tag_keys, tag_values;
};

// All rows of one join key of one app, in the order of their arrival.
struct KeyRows {
  std::string app_id;
  std::string join_key;
  std::vector<EndRow> rows;
  std::vector<size_t> held;  // those that hold, one for each connection of each session
  size_t attempts = 0;       // known from other batches
};

// Sends one question, with the keys that it is about, and returns the answer.
using AskFn = std::function<std::string(const std::string& sql, const ExternalTable* keys)>;

// (app_id, 16 bytes) as a table for one question; `column` names the second one.
ExternalTable KeyTable(const std::string& column, const std::vector<std::pair<std::string, std::string>>& keys);

// A condition behind PREWHERE: rows of one of the `keys` of a question. The engine looks for one column three times as
// fast as for two, and has to look at the second one of few rows.
std::string OfKeys(const std::string& column);

// The rows that `where`, behind PREWHERE, selects, with what is known of the servers' processes, and of attempts in
// other batches.
std::vector<KeyRows> ReadEnds(const Settings& settings, const std::string& table, const std::string& where,
                              const AskFn& ask, const AskFn& ask_everywhere, const ExternalTable* keys);

// The ends that hold, for the judgement.
std::vector<StoredEnd> HeldEnds(const KeyRows& key);

}  // namespace whydrop::collector::clickhouse

#endif
