#include "samples/collector/store/clickhouse/judging/servers.h"

#include <algorithm>

#include "samples/collector/store/clickhouse/engine/keys.h"
#include "samples/collector/store/clickhouse/judging/ends.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr int64_t kReportedWithinDays = 2;
constexpr uint64_t kSilentClients = 2;

int64_t ThreeReportsS(uint32_t rotate_interval_ms) { return int64_t{3} * rotate_interval_ms / 1000; }

}  // namespace

bool Servers::Review(int64_t now_s) {
  std::map<SessionKey, Server> servers = ReadServers(now_s);
  if (servers.empty()) return false;
  const std::map<SessionKey, State> known = ReadStates(servers);
  Judge(&servers, known, now_s);
  std::vector<const ServerOfSession*> changed;
  for (const ServerOfSession& server : servers) {
    const auto before = known.find(server.first);
    const State was = before != known.end() ? before->second : State();
    const State& is = server.second.state;
    if (was.end != is.end || was.replaced != is.replaced) changed.push_back(&server);
  }
  if (changed.empty()) return false;
  // Twice: judged before the new states are known the first could go for nothing, and without it a collector that ends
  // here would leave the states behind as if everything were judged.
  Touch(changed, now_s);
  PutStates(changed, now_s);
  Touch(changed, now_s);
  return true;
}

std::map<Servers::SessionKey, Servers::Server> Servers::ReadServers(int64_t now_s) {
  const std::string since = std::to_string(std::max<int64_t>(now_s / kDayS - kReportedWithinDays, 0));
  const std::string answer = cluster_->Ask(
      "SELECT app_id, session_id, argMax(rotation, rank), argMax(ended_as, rank), argMax(rotate_interval_ms, rank), "
      "argMax(started_s, rank), argMax(ended_s, rank), argMax(reference_s, rank), argMax(received_s, rank), "
      "argMax(boot_id, rank), argMax(machine_id, rank) FROM " +
      Everywhere(cluster_->settings(), "sessions") + " PREWHERE role = 1 WHERE day >= toDate(" + since +
      ") GROUP BY app_id, session_id FORMAT RowBinary");
  std::map<SessionKey, Server> servers;
  RowReader row(answer);
  while (row.More()) {
    SessionKey session = row.AppAndKey();
    Server server;
    server.state.rotation = row.U32();
    server.state.end = row.I32();
    server.state.rotate_interval_ms = row.U32();
    server.started_s = row.U32();
    server.ended_s = row.U32();
    server.reference_s = row.U32();
    server.heard_s = row.U32();
    server.boot_id = row.Text();
    server.machine_id = row.Text();
    servers.emplace(std::move(session), std::move(server));
  }
  return servers;
}

std::map<Servers::SessionKey, Servers::State> Servers::ReadStates(const std::map<SessionKey, Server>& servers) {
  std::vector<SessionKey> sessions;
  for (const auto& [session, server] : servers) sessions.push_back(session);
  const ExternalTable keys = KeyTable("session_id", sessions);
  const std::string answer =
      cluster_->Ask("SELECT app_id, session_id, argMax(ended_as, version), argMax(replaced, version) FROM " +
                        Everywhere(cluster_->settings(), "server_states") +
                        " WHERE (app_id, session_id) IN keys GROUP BY app_id, session_id FORMAT RowBinary",
                    &keys);
  std::map<SessionKey, State> states;
  RowReader row(answer);
  while (row.More()) {
    State& state = states[row.AppAndKey()];
    state.end = row.I32();
    state.replaced = static_cast<Replaced>(row.U8());
  }
  return states;
}

// A process that dies leaves a system that resets its connections; where a silent server's players mostly heard
// nothing, its whole machine is gone.
std::map<Servers::SessionKey, bool> Servers::ReadSilentHosts(const std::map<SessionKey, Server>& servers) {
  std::vector<SessionKey> silent;
  int64_t since_s = INT64_MAX;
  for (const auto& [session, server] : servers) {
    if (server.state.replaced != Replaced::kSilent) continue;
    silent.push_back(session);
    since_s = std::min(since_s, server.ended_s);
  }
  std::map<SessionKey, bool> hosts;
  if (silent.empty()) return hosts;
  const ExternalTable keys = KeyTable("server_session", silent);
  const std::string answer = cluster_->Ask(
      "SELECT app_id, server_session, countIf(last IN (400, 401, 406)), countIf(last = 506) FROM (SELECT app_id, "
      "server_session, row_id, argMax(cause, version) AS last, argMax(connections, version) AS counted FROM " +
          Everywhere(cluster_->settings(), "verdicts") + " WHERE (app_id, server_session) IN keys AND day >= toDate(" +
          std::to_string(std::max<int64_t>(since_s / kDayS - 1, 0)) +
          ") GROUP BY app_id, server_session, row_id) WHERE counted > 0 GROUP BY app_id, server_session FORMAT "
          "RowBinary",
      &keys);
  RowReader row(answer);
  while (row.More()) {
    const SessionKey session = row.AppAndKey();
    const uint64_t heard_nothing = row.U64();
    const uint64_t died = row.U64();
    hosts[session] = heard_nothing >= kSilentClients && heard_nothing > died;
  }
  return hosts;
}

void Servers::Judge(std::map<SessionKey, Server>* servers, const std::map<SessionKey, State>& known, int64_t now_s) {
  std::multimap<std::pair<std::string, std::string>, const ServerOfSession*> of_machines;  // by app and machine
  for (const ServerOfSession& server : *servers) {
    if (server.second.machine_id.empty()) continue;
    of_machines.emplace(std::pair(server.first.first, server.second.machine_id), &server);
  }
  for (auto& [session, server] : *servers) {
    State& state = server.state;
    if (state.end != 0 || state.rotate_interval_ms == 0) continue;
    const int64_t missed_s = ThreeReportsS(state.rotate_interval_ms);
    const Server* successor = nullptr;
    const auto [begin, end] = of_machines.equal_range({session.first, server.machine_id});
    for (auto at = begin; at != end; ++at) {
      const auto& [other_session, other] = *at->second;
      if (other_session.second == session.second) continue;
      if (other.started_s < server.ended_s || other.reference_s < server.ended_s + missed_s) continue;
      if (successor == nullptr || other.started_s < successor->started_s) successor = &other;
    }
    if (successor != nullptr) {
      state.replaced = successor->boot_id != server.boot_id ? Replaced::kHost : Replaced::kProcess;
    } else if (std::max(server.heard_s, started_s_) + 1 + missed_s < now_s) {
      state.replaced = Replaced::kSilent;
    } else if (const auto before = known.find(session);
               before != known.end() && before->second.replaced == Replaced::kSilent && server.heard_s < started_s_) {
      // Another collector missed it while this one was not there.
      state.replaced = Replaced::kSilent;
    }
  }
  const std::map<SessionKey, bool> hosts = ReadSilentHosts(*servers);
  for (auto& [session, server] : *servers) {
    if (server.state.replaced != Replaced::kSilent) continue;
    const auto host = hosts.find(session);
    const auto before = known.find(session);
    // Once it is the host, its clients' verdicts say so, and speak of silence no more.
    const bool was_host = before != known.end() && before->second.replaced == Replaced::kHost;
    if (was_host || (host != hosts.end() && host->second)) server.state.replaced = Replaced::kHost;
  }
}

void Servers::Touch(const std::vector<const ServerOfSession*>& servers, int64_t now_s) {
  const Settings& settings = cluster_->settings();
  std::vector<SessionKey> sessions;
  int64_t started_s = INT64_MAX;
  for (const ServerOfSession* server : servers) {
    sessions.push_back(server->first);
    started_s = std::min(started_s, server->second.started_s);
  }
  const ExternalTable keys = KeyTable("session_id", sessions);
  for (size_t shard = 0; shard < cluster_->shards(); ++shard) {
    Lag lag;
    Node* node = cluster_->Freshest(shard, &lag);
    if (node == nullptr) throw Unreachable("no node of shard " + std::to_string(shard + 1) + " answers");
    node->Ask(InsertInto(settings, "work") + "SELECT toDate(" + std::to_string(now_s / kDayS) + "), toUInt64(" +
                  std::to_string(stamps_->Next(now_s)) + "), app_id, join_key, toUInt32(" + std::to_string(owner_) +
                  "), toUInt8(0) FROM " + Local(settings, "records") +
                  " PREWHERE role = 1 AND open = 1 WHERE (app_id, session_id) IN keys AND day >= toDate(" +
                  std::to_string(std::max<int64_t>(started_s / kDayS - 1, 0)) + ")",
              {}, &keys);
  }
}

void Servers::PutStates(const std::vector<const ServerOfSession*>& servers, int64_t now_s) {
  std::map<size_t, RowWriter> rows;  // by shard
  for (const ServerOfSession* server : servers) {
    const auto& [app_id, session_id] = server->first;
    const State& state = server->second.state;
    RowWriter& row = rows[HashOf(session_id) % cluster_->shards()];
    row.Day(now_s).Text(app_id).Fixed16(session_id).U64(stamps_->Next(now_s)).U32(state.rotation);
    row.I32(state.end).U8(static_cast<uint64_t>(state.replaced)).U32(state.rotate_interval_ms);
  }
  for (auto& [shard, states] : rows) cluster_->Insert(shard, "server_states", states.Take());
}

}  // namespace whydrop::collector::clickhouse
