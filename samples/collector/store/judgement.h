// The ends of one connection as a store reads them back, and what is said of them: the same for every engine.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_STORE_JUDGEMENT_H
#define WHYDROP_COLLECTOR_STORE_JUDGEMENT_H

#include <cstdint>
#include <string>
#include <vector>

#include "samples/collector/store/store.h"

namespace whydrop::collector {

// What a counted connection stands for; the values are stored.
enum class RowKind : int32_t {
  kReported = 0,        // a client's record, joined with the server's where that exists
  kServerOnly = 1,      // a server's record whose client has not reported
  kUnjoinedServer = 2,  // a server's record without a token: counted apart
  kClientSession = 3,   // no connection, but a player's session, whose end stands for its cause
};

struct StoredEnd {
  int64_t id = 0;       // of the record, the engine's own
  int64_t session = 0;  // as id
  int64_t tag_set = 0;  // of the session's tags, as id
  Role role = Role::kClient;
  std::string app_id;
  bool has_token = false;
  std::string network;
  int64_t received_s = 0;  // when its report arrived
  bool recovered = false;  // a later connection of the session names it as its previous one, and stood
  EndView view;
};

// How long ends wait for each other, and what time it is.
struct JoinTime {
  int64_t now_s = 0;
  int64_t window_s = 0;
};

struct Judgement {
  Joined joined;
  int64_t decided_s = 0;  // it waits for the other end until then; 0: it is decided
  int64_t again_s = 0;    // then it may be another one although nothing more was reported; 0: it stays as it is
};

// One end or both; `client` may be nullptr, or `server`. A running server's record that tells no end yet is no word
// about it until the window has passed.
Judgement JudgeEnds(const StoredEnd* client, const StoredEnd* server, const JoinTime& time);

// The server's record to join with: the last one that tells an end, else the last one; nullptr if there is none.
const StoredEnd* BestServer(const std::vector<StoredEnd>& ends);

// One row of the counts, and the ends that it is made of.
struct CountedEnd {
  const StoredEnd* of = nullptr;      // whose time, labels and session it has
  const StoredEnd* server = nullptr;  // joined with it; nullptr if there is none
  RowKind kind = RowKind::kReported;
  Judgement judgement;
  uint32_t findings = 0;  // enum FindingBit
};

// What the ends of one token count as: every client that tells an end, or the server if no client has reported. The
// pointers are into `ends`.
std::vector<CountedEnd> JudgeToken(const std::vector<StoredEnd>& ends, const JoinTime& time);

// The same of an end that nobody shares its connection with; none if it tells no end.
std::vector<CountedEnd> JudgeAlone(const StoredEnd& end, const JoinTime& time);

// A platform that a later sender names is shown as unknown, so it is counted as that.
inline int64_t CountedPlatform(int64_t platform) { return platform >= 1 && platform <= 3 ? platform : 0; }

// A cause that a client gives to a server's machine that fell silent, or to the way to it.
bool IsSilence(Cause cause);

// Of all clients that reported the token, or of those whose session, or whose server's, is the one asked for.
std::vector<ConnectionView> ViewsOfToken(const std::string& token_hash, const std::vector<StoredEnd>& ends,
                                         const JoinTime& time, const std::string& session_id = "");

// Of a record that has no token.
ConnectionView ViewOfOne(const StoredEnd& end, const JoinTime& time);

}  // namespace whydrop::collector

#endif
