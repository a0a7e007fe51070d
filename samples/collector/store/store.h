// Where batches are kept and what can be asked of them: the seam between HTTP and a database. It speaks of batches and
// answers, never of SQL, so that another engine can stand beside the embedded one, chosen by the URL's scheme.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_STORE_H
#define WHYDROP_COLLECTOR_STORE_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/metrics.h"
#include "samples/collector/model/findings.h"
#include "samples/collector/model/join.h"
#include "samples/collector/model/records.h"

namespace whydrop::collector {

// The store cannot be opened, read or written; what() says why and names it.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A question that asks for too much, or that the end of the collector meets; what() tells the asker so.
class QuestionGivenUp : public StoreError {
 public:
  using StoreError::StoreError;
};

inline constexpr char kStopping[] = "the collector is stopping";
inline std::string GivenUpAfter(std::chrono::seconds limit) {
  return "the question took longer than " + std::to_string(limit.count()) +
         " s: ask for a shorter time, or for less at once";
}

using ClockFn = std::function<int64_t()>;  // seconds since 1970-01-01 UTC

enum class StoreVerdict {
  kAccepted,
  kDuplicate,
  kConflict,     // the id is known with other bytes or in another role, or there are too many apps already
  kUnavailable,  // nothing of it was kept: the sender must try again
};

// Which sessions are asked about: all conditions hold at once. The time is that of the session's end.
struct SessionFilter {
  std::string app_id;               // "": all
  std::string app_version;          // "": all
  std::optional<int32_t> platform;  // whydrop.v1.Platform; 0: also values that this collector does not know
  std::vector<std::pair<std::string, std::string>> tags;  // key and value that the session carried, each key once
  std::optional<int64_t> from;                            // unix seconds, inclusive
  std::optional<int64_t> to;                              // exclusive
};

// Which connections are asked about: those of such sessions, by the time of the connection's own end.
struct ConnectionFilter : SessionFilter {
  std::string endpoint;  // "": all
};

struct AttributionQuery : ConnectionFilter {
  std::vector<std::string> group_by;  // "cause", "side", ..., "tag:<key>"; checked by the caller
  std::optional<Outcome> outcome;
};

struct AttributionGroup {
  std::vector<std::string> values;  // in the order of group_by
  uint64_t connections = 0;
};

struct Attribution {
  uint64_t connections = 0;
  uint64_t reported = 0;
  uint64_t unjoined_server_records = 0;
  uint64_t pending = 0;                  // of `connections` those whose other end may still report
  std::vector<AttributionGroup> groups;  // largest first, at most kMaxGroups
};

struct EndView {
  EndRecord record;
  std::string session_id;  // raw bytes
  std::string app_version;
  std::string endpoint;
  int64_t ended_unix_s = 0;
};

struct ConnectionView {
  std::string token_hash;  // raw bytes, "" if it has none
  Joined joined;
  std::optional<EndView> client;
  std::optional<EndView> server;
  bool duplicate_token = false;  // another client record carries the same token
  bool pending = false;          // the other end may still report
};

// One counted connection without its evidence, as lists and exports show it.
struct ConnectionRow {
  std::string app_id;
  int64_t at_s = 0;          // unix seconds of its end
  std::string token_hash;    // raw bytes, "" if it has none
  std::string session_id;    // raw bytes; the client's, or the server's where only that has reported
  bool reported = false;     // by the client
  bool unjoined = false;     // a server's record without a token: counted apart
  bool pending = false;      // the other end may still report
  uint64_t connections = 1;  // more where the sender only counted them
  Cause cause = 0;
  Confidence confidence = Confidence::kLow;
  Outcome outcome = Outcome::kDropped;
  std::string app_version;  // of the client, as platform
  std::string endpoint;
  std::string network;
  int32_t platform = 0;
  std::string server_error;
  uint32_t findings = 0;  // enum FindingBit
};

struct ConnectionQuery : ConnectionFilter {
  std::optional<Cause> cause;
  std::optional<Outcome> outcome;
};

struct Finding {
  const FindingText* text = nullptr;
  const char* who_is = "";  // what the labels of `who` are: "endpoint", "network"
  uint64_t count = 0;       // connections that show it
  uint64_t dropped = 0;     // of them those that were dropped
  uint64_t drops = 0;       // all that were dropped
  struct Who {
    std::string label;
    uint64_t count = 0;
  };
  std::vector<Who> who;  // largest first, at most 20
};

struct SessionView {
  std::string session_id;  // raw bytes
  Role role = Role::kClient;
  int64_t ended_unix_ms = 0;
  SessionInfo info;
};

// How many sessions of clients ended in one way in one version.
struct SessionEndGroup {
  std::string app_version;
  int32_t end = 0;
  uint64_t sessions = 0;
};

// Sessions of clients that crashed at one place of the code.
struct CrashGroup {
  std::string module;
  uint64_t offset = 0;
  uint32_t code = 0;     // signal or exception, by the platform
  int32_t platform = 0;  // whydrop.v1.Platform
  uint64_t sessions = 0;
  int64_t first_s = 0;  // unix seconds of the first and the last such end
  int64_t last_s = 0;
  struct Version {
    std::string app_version;
    uint64_t sessions = 0;
  };
  std::vector<Version> versions;  // in the order of their first crash
  struct Report {
    std::string app_id;
    std::string report_id;
    std::string session_id;  // raw bytes
    int64_t ended_s = 0;
  };
  std::vector<Report> reports;  // newest first, at most kReportsPerCrash, only sessions that named one
};

inline constexpr uint32_t kReportsPerCrash = 5;

struct Crashes {
  uint64_t sessions = 0;           // that crashed, those of groups beyond the limit too
  uint64_t places = 0;             // as many groups there are
  std::vector<CrashGroup> groups;  // largest first
};

// What an analyst may choose from: every value of a label that an app has sent, kept even where its connections are
// gone. The dimension is "app_version", "endpoint", "network" or "tag:<key>".
struct Label {
  std::string app_id;
  std::string dimension;
  std::string value;
};

// What an operator and a load balancer must know before they rely on a store.
struct StoreHealth {
  bool ready = true;             // takes batches and answers
  std::string why_not;           // a sentence, if it is not
  int64_t complete_until_s = 0;  // unix seconds: answers know everything that was acknowledged until then
  int64_t newest_report_s = 0;   // when the newest report that answers know was received; 0: there is none
};

enum class StoreAccess {
  kServe,  // takes batches, and does what time makes necessary
  kRead,   // answers only, beside a collector that serves the same store; never creates or migrates
};

inline constexpr uint32_t kJoinWindowS = 900;
inline constexpr uint32_t kKeepAllDays = 1000000;
inline constexpr size_t kQuestionsAtOnce = 4;  // that whoever serves a store lets it answer

struct StoreSettings {
  uint32_t join_window_s = kJoinWindowS;  // a connection that one end reported waits so long for the other
  uint32_t keep_days = 400;               // what ended before is deleted, and ids of batches that came before
  uint32_t question_limit_s = 0;          // a question that takes longer is given up; 0: none is
  StoreAccess access = StoreAccess::kServe;
};

class Store {
 public:
  using Done = std::function<void(StoreVerdict)>;

  virtual ~Store() = default;

  // Calls `done` once, from a thread of the store, after the batch is durable or known not to be. Returns false, and
  // never calls it, if too many batches wait already.
  virtual bool Submit(Batch batch, Done done) = 0;

  // Stores what was submitted, then refuses everything else. Questions under way, and those that come, are given up
  // first: each throws QuestionGivenUp within seconds, or is answered.
  virtual void Stop() = 0;

  // Never throws, and never waits for the engine.
  virtual StoreHealth Health() = 0;

  // Returns when answers know all that was acknowledged before. Throws StoreError if that takes too long.
  virtual void Settle() = 0;

  // Copies the whole store to a file that does not exist yet while everything goes on. Throws StoreError, also where
  // that is the engine's own task.
  virtual void Backup(const std::string& path) = 0;

  // These throw StoreError, and QuestionGivenUp.
  virtual Attribution QueryAttribution(const AttributionQuery& query) = 0;
  virtual std::vector<ConnectionView> FindConnections(const std::string& app_id, const std::string& token_hash) = 0;
  // Of one session of either role, newest first.
  virtual std::vector<ConnectionView> FindConnectionsOfSession(const std::string& app_id, const std::string& session_id,
                                                               uint32_t limit) = 0;
  // Newest first.
  virtual std::vector<ConnectionRow> RecentConnections(const ConnectionQuery& query, uint32_t limit) = 0;
  // Every one, in no order, as of one moment; `visit` returns false to stop. What it throws goes on to the caller.
  virtual void VisitConnections(const ConnectionQuery& query,
                                const std::function<bool(const ConnectionRow&)>& visit) = 0;
  virtual std::vector<Finding> QueryFindings(const ConnectionFilter& filter) = 0;
  virtual std::vector<SessionView> FindSessions(std::optional<int32_t> end, const std::string& app_id,
                                                uint32_t limit) = 0;
  virtual std::vector<SessionEndGroup> QuerySessionEnds(const SessionFilter& filter) = 0;  // largest first
  virtual Crashes QueryCrashes(const SessionFilter& filter, uint32_t limit) = 0;
  virtual bool HasSession(const std::string& app_id, const std::string& session_id) = 0;  // a report of it
  virtual std::vector<std::string> ListApps() = 0;                                        // by name
  virtual std::vector<Label> ListLabels(const std::string& app_id) = 0;                   // "": of all apps
};

// "clickhouse:http://user:secret@h1/x" without what stands before the '@': what may be shown of a store's URL.
std::string WithoutPassword(const std::string& url);

// Chooses the engine by the URL's scheme: "sqlite:<path>". Throws StoreError for a URL that no engine takes and a store
// that cannot be opened.
std::unique_ptr<Store> OpenStore(const std::string& url, ClockFn now, Metrics* metrics,
                                 const StoreSettings& settings = {});

// The statements that make the tables of an engine that is not embedded; ApplySchema makes what is missing, on every
// node. Throw StoreError; an embedded store makes its tables itself.
std::string SchemaText(const std::string& url);
void ApplySchema(const std::string& url);

}  // namespace whydrop::collector

#endif
