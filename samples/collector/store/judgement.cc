#include "samples/collector/store/judgement.h"

#include "samples/collector/model/findings.h"

namespace whydrop::collector {
namespace {

ConnectionView MakeView(const std::string& token_hash, const StoredEnd* client, const StoredEnd* server,
                        const JoinTime& time) {
  ConnectionView view;
  view.token_hash = token_hash;
  Judgement judgement = JudgeEnds(client, server, time);
  view.joined = std::move(judgement.joined);
  view.pending = judgement.decided_s != 0;
  if (client != nullptr) view.client = client->view;
  if (server != nullptr) view.server = server->view;
  return view;
}

CountedEnd CountEnds(const StoredEnd* client, const StoredEnd* server, RowKind kind, const JoinTime& time) {
  const auto evidence = [](const StoredEnd* end) { return end != nullptr ? &end->view.record.evidence : nullptr; };
  return {client != nullptr ? client : server, client != nullptr ? server : nullptr, kind,
          JudgeEnds(client, server, time), FindingsOf(evidence(client), evidence(server))};
}

}  // namespace

Judgement JudgeEnds(const StoredEnd* client, const StoredEnd* server, const JoinTime& time) {
  Judgement judgement;
  const bool server_tells = server != nullptr && TellsAnEnd(server->view.record);
  const StoredEnd* one = client == nullptr ? server : (server_tells ? nullptr : client);
  if (one != nullptr && one->has_token && one->received_s + time.window_s > time.now_s) {
    judgement.decided_s = one->received_s + time.window_s;
  }
  if (server != nullptr && !server_tells) judgement.again_s = judgement.decided_s;
  std::optional<EndRecord> client_record, server_record;
  if (client != nullptr) client_record = client->view.record;
  if (server_tells || (server != nullptr && judgement.decided_s == 0)) server_record = server->view.record;
  judgement.joined = Join(client_record, server_record, client != nullptr && client->recovered);
  if (server != nullptr) judgement.joined.server_error = ServerErrorName(server->view.record);
  return judgement;
}

const StoredEnd* BestServer(const std::vector<StoredEnd>& ends) {
  const StoredEnd* best = nullptr;
  for (const StoredEnd& end : ends) {
    if (end.role != Role::kServer) continue;
    if (best == nullptr || TellsAnEnd(end.view.record) || !TellsAnEnd(best->view.record)) best = &end;
  }
  return best;
}

std::vector<CountedEnd> JudgeToken(const std::vector<StoredEnd>& ends, const JoinTime& time) {
  const StoredEnd* server = BestServer(ends);
  std::vector<CountedEnd> counted;
  bool has_client = false;
  for (const StoredEnd& end : ends) {
    if (end.role != Role::kClient) continue;
    has_client = true;
    if (TellsAnEnd(end.view.record)) counted.push_back(CountEnds(&end, server, RowKind::kReported, time));
  }
  if (!has_client && server != nullptr) return JudgeAlone(*server, time);
  return counted;
}

std::vector<CountedEnd> JudgeAlone(const StoredEnd& end, const JoinTime& time) {
  if (!TellsAnEnd(end.view.record)) return {};
  if (end.role == Role::kClient) return {CountEnds(&end, nullptr, RowKind::kReported, time)};
  const RowKind kind = end.has_token ? RowKind::kServerOnly : RowKind::kUnjoinedServer;
  return {CountEnds(nullptr, &end, kind, time)};
}

bool IsSilence(Cause cause) {
  return cause == WHYDROP_CAUSE_PATH_TIMEOUT || cause == WHYDROP_CAUSE_PATH_UNREACHABLE ||
         cause == WHYDROP_CAUSE_RESET_AFTER_SILENCE;
}

std::vector<ConnectionView> ViewsOfToken(const std::string& token_hash, const std::vector<StoredEnd>& ends,
                                         const JoinTime& time, const std::string& session_id) {
  const StoredEnd* server = BestServer(ends);
  size_t clients = 0;
  std::vector<ConnectionView> views;
  for (const StoredEnd& end : ends) {
    if (end.role != Role::kClient) continue;
    ++clients;
    const bool asked = session_id.empty() || end.view.session_id == session_id ||
                       (server != nullptr && server->view.session_id == session_id);
    if (asked) views.push_back(MakeView(token_hash, &end, server, time));
  }
  if (clients == 0 && server != nullptr) views.push_back(MakeView(token_hash, nullptr, server, time));
  for (ConnectionView& view : views) view.duplicate_token = clients > 1;
  return views;
}

ConnectionView ViewOfOne(const StoredEnd& end, const JoinTime& time) {
  const bool client = end.role == Role::kClient;
  return MakeView("", client ? &end : nullptr, client ? nullptr : &end, time);
}

}  // namespace whydrop::collector
