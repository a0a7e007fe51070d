// One node of the engine, asked over HTTP.
//
// A node may take connections and say nothing, for as long as it likes, also when it has begun with an answer. So
// whatever may take long is asked only after an answer to a short question, and while it takes long further ones are
// asked beside it: a node that works on it answers them. One that has just not answered is left alone for ten times
// what that cost.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_NODE_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_NODE_H

#include <curl/curl.h>

#include <atomic>
#include <chrono>
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

// The node has not what was asked of it, a table that was lost or is not made yet: another one may have it.
class Lacking : public StoreError {
 public:
  using StoreError::StoreError;
};

using QuerySettings = std::vector<std::pair<std::string, std::string>>;

// A table that exists for one question: values that no SQL has to quote.
struct ExternalTable {
  std::string structure;  // "app_id String, join_key FixedString(16)"; the table is called `keys`
  std::string rows;       // RowBinary
};

// How long an answer is waited for, and what ends that before, set by another thread; nullptr: nothing does.
struct Patience {
  std::chrono::milliseconds at_most{120000};
  const std::atomic<bool>* over = nullptr;

  bool IsOver() const { return over != nullptr && *over; }
};

class Node {
 public:
  Node(std::string url, const Settings& settings);

  // Return the answer's body. Throw Unreachable, and StoreError with the engine's own words.
  // Briefly: what a node that lives answers at once.
  std::string AskBriefly(const std::string& sql);
  std::string Ask(const std::string& sql, const QuerySettings& settings = {}, const ExternalTable* keys = nullptr,
                  const Patience& patience = {});

  // `sql` ends in FORMAT RowBinary; the rows follow it.
  void Insert(const std::string& sql, const std::string& rows, const QuerySettings& settings = {});

  // Throws Unreachable, also if what answers is no engine, and StoreError if the node does not let this user in.
  void Ping();

  const std::string& url() const { return url_; }
  // Since the last try. A node that was not reached is not tried first.
  bool reached() const { return reached_; }

 private:
  enum class Body { kQuery, kRows, kForm };
  void MakeSureItLives();
  static int Watch(void* watched, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  std::string Post(CURL* curl, const std::string& query, Body kind, const std::string& body,
                   const QuerySettings& settings, const ExternalTable* keys, const Patience& patience);

  const std::string url_;
  const std::string user_;
  const std::string password_;
  const std::chrono::milliseconds watch_every_;
  std::atomic<bool> reached_{true};
  std::atomic<std::chrono::steady_clock::time_point> answered_{std::chrono::steady_clock::time_point()};
  std::atomic<std::chrono::steady_clock::time_point> left_alone_until_{std::chrono::steady_clock::time_point()};
};

// Text as a literal of SQL, whatever bytes it has.
std::string Quote(const std::string& text);

}  // namespace whydrop::collector::clickhouse

#endif
