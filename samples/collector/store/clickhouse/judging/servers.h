// Tells servers that are gone: ended, replaced by a new process of their machine, or silent; and has the connections
// judged again that were open on them.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_SERVERS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_SERVERS_H

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/clickhouse/engine/cluster.h"
#include "samples/collector/store/clickhouse/stamp.h"
#include "samples/collector/store/judgement.h"

namespace whydrop::collector::clickhouse {

class Servers {
 public:
  // Servers are not missed for the time before `started_s`, when this collector was not there.
  Servers(Cluster* cluster, Stamps* stamps, uint32_t owner, int64_t started_s)
      : cluster_(cluster), stamps_(stamps), owner_(owner), started_s_(started_s) {}

  // True if something changed. Throws StoreError.
  bool Review(int64_t now_s);

 private:
  using SessionKey = std::pair<std::string, std::string>;  // app, session id
  struct State {
    uint32_t rotation = 0;
    int32_t end = 0;
    Replaced replaced = Replaced::kNo;
    uint32_t rotate_interval_ms = 0;
  };
  struct Server {
    State state;
    int64_t started_s = 0, ended_s = 0, reference_s = 0, heard_s = 0;
    std::string boot_id, machine_id;
  };
  using ServerOfSession = std::pair<const SessionKey, Server>;

  std::map<SessionKey, Server> ReadServers(int64_t now_s);
  std::map<SessionKey, State> ReadStates(const std::map<SessionKey, Server>& servers);
  std::map<SessionKey, bool> ReadSilentHosts(const std::map<SessionKey, Server>& servers);
  void Judge(std::map<SessionKey, Server>* servers, const std::map<SessionKey, State>& known, int64_t now_s);
  // Makes work of what was open on them.
  void Touch(const std::vector<const ServerOfSession*>& servers, int64_t now_s);
  void PutStates(const std::vector<const ServerOfSession*>& servers, int64_t now_s);

  Cluster* const cluster_;
  Stamps* const stamps_;
  const uint32_t owner_;
  const int64_t started_s_;
};

}  // namespace whydrop::collector::clickhouse

#endif
