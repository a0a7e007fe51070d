// The recorded closes (tests/golden/ground_truth), as evidence of both ends, and what may be said of each.
#ifndef WHYDROP_TESTS_UNIT_CAUSES_RECORDED_CLOSES_H
#define WHYDROP_TESTS_UNIT_CAUSES_RECORDED_CLOSES_H

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "causes/classifier.h"
#include "evidence_text.h"

namespace whydrop {

struct Close {
  std::string id, cause;
  bool has_client = false, has_server = false;
  Evidence client, server;
};

inline const char kFolder[] = WHYDROP_SOURCE_DIR "/tests/golden/ground_truth/";

inline std::vector<Close> ReadCloses() {
  std::vector<Close> closes;
  std::ifstream file(std::string(kFolder) + "closes.txt");
  Close close;
  std::string client, server;
  while (file >> close.id >> close.cause >> client >> server) {
    close.has_client = client != "-";
    close.has_server = server != "-";
    close.client = EvidenceOf(close.has_client ? client : "");
    close.server = EvidenceOf(close.has_server ? server : "");
    closes.push_back(close);
  }
  return closes;
}

inline bool IsIn(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

struct Allowed {
  std::string exact, wider;
};

inline std::map<std::string, Allowed> ReadAllowed() {
  std::map<std::string, Allowed> allowed;
  std::ifstream file(std::string(kFolder) + "allowed.txt");
  std::string cause, exact, wider;
  while (file >> cause >> exact >> wider) allowed[cause] = {exact, wider};
  return allowed;
}

// Nothing was reported by this end: neither an error nor a close.
inline bool SawNothing(const Evidence& e) { return !e.Has(Field::error_kind) && !e.Has(Field::peer_closed); }

inline Verdict Join(const Close& close, const Evidence& client) {
  ServerContext context;
  context.seen = close.has_server;
  context.window_passed = true;
  context.end_recorded = close.has_server && !SawNothing(close.server);
  return ClassifyJoined(&client, close.has_server ? &close.server : nullptr, context, false).verdict;
}

// What the next launch finds after this end of the client, which left no record of its own while it lived.
inline bool LaterEvidence(const std::string& cause, Evidence* client) {
  client->Set(Field::protocol, WHYDROP_TCP);
  client->Set(Field::established, 1);
  if (cause == "local_close") {
    client->Set(Field::closed_locally, 1);
    return true;
  }
  SessionEvidence session;
  session.same_boot_known = session.same_boot = session.heartbeat_ever = true;
  session.heartbeat_ms = session.tick_ms = 60000;
  if (cause == "client_crash") {
    session.crash_marker = true;
  } else if (cause == "clean_exit") {
    session.clean_mark = true;
  } else if (cause == "client_hang") {
    session.heartbeat_ms = 50000;
  } else if (cause == "local_link_down") {
    client->Set(Field::link_down_at_death, 1);  // the cable was out when the process was killed
  } else if (cause != "client_killed") {
    return false;
  }
  const Verdict end = ClassifySessionEnd(session);
  client->Set(Field::session_end, end.cause);
  client->Set(Field::session_end_confidence, static_cast<int64_t>(end.confidence));
  return true;
}

// The client's record as the collector would have it: taken while it lived, or at the next launch.
inline bool ClientRecord(const Close& close, Evidence* client) {
  *client = close.client;
  return close.has_client || LaterEvidence(close.cause, client);
}

inline std::vector<Close> ClosesWithCause() {
  std::vector<Close> closes;
  for (const Close& close : ReadCloses()) {
    if (close.cause != "-") closes.push_back(close);
  }
  return closes;
}

}  // namespace whydrop

#endif
