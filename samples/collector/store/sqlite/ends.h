// Reads the ends of a connection back from the tables, for the writer that judges them and for the answers that explain
// the judgement.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_ENDS_H
#define WHYDROP_COLLECTOR_SQLITE_ENDS_H

#include <cstdint>
#include <string>
#include <vector>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

struct StoredEnd {
  int64_t id = 0;
  int64_t session = 0;
  Role role = Role::kClient;
  std::string app_id;
  bool has_token = false;
  std::string network;
  int64_t received_s = 0;  // when its report arrived
  bool recovered = false;  // a later connection of the session names it as its previous one, and stood
  EndView view;
};

class EndReader {
 public:
  explicit EndReader(const Database& db);

  std::vector<StoredEnd> ByToken(const std::string& app_id, const std::string& token_hash);
  std::vector<StoredEnd> ById(int64_t record);

 private:
  std::vector<StoredEnd> Read(Statement* statement);

  Statement by_token_;
  Statement by_id_;
};

// How long ends wait for each other, and what time it is.
struct JoinTime {
  int64_t now_s = 0;
  int64_t window_s = 0;
};

struct Judgement {
  Joined joined;
  int64_t decided_s = 0;  // it waits for the other end until then; 0: it is decided
};

// One end or both; `client` may be nullptr, or `server`. A running server's record that tells no end yet is no word
// about it until the window has passed.
Judgement JudgeEnds(const StoredEnd* client, const StoredEnd* server, const JoinTime& time);

// The server's record to join with: the last one that tells an end, else the last one; nullptr if there is none.
const StoredEnd* BestServer(const std::vector<StoredEnd>& ends);

}  // namespace whydrop::collector

#endif
