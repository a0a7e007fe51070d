// One node of the engine, asked over HTTP.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_NODE_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_NODE_H

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/clickhouse/engine/url.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector::clickhouse {

// The node could not be reached or did not answer in time: what was asked of it may have been done or not.
class Unreachable : public StoreError {
 public:
  using StoreError::StoreError;
};

using QuerySettings = std::vector<std::pair<std::string, std::string>>;

// A table that exists for one question: values that no SQL has to quote.
struct ExternalTable {
  std::string structure;  // "app_id String, join_key FixedString(16)"; the table is called `keys`
  std::string rows;       // RowBinary
};

class Node {
 public:
  Node(std::string url, const Settings& settings);

  // Returns the answer's body. Throws Unreachable, and StoreError with the engine's own words.
  std::string Ask(const std::string& sql, const QuerySettings& settings = {}, const ExternalTable* keys = nullptr);

  // `sql` ends in FORMAT RowBinary; the rows follow it.
  void Insert(const std::string& sql, const std::string& rows, const QuerySettings& settings = {});

  const std::string& url() const { return url_; }
  // Since the last try. A node that was not reached is not tried first.
  bool reached() const { return reached_; }

 private:
  enum class Body { kQuery, kRows, kForm };
  std::string Post(const std::string& query, Body kind, const std::string& body, const QuerySettings& settings,
                   const ExternalTable* keys);

  const std::string url_;
  const std::string user_;
  const std::string password_;
  std::atomic<bool> reached_{true};
};

// Text as a literal of SQL, whatever bytes it has.
std::string Quote(const std::string& text);

}  // namespace whydrop::collector::clickhouse

#endif
