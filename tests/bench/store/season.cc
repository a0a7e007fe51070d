#include "tests/bench/store/season.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "samples/collector/model/evidence_message.h"
#include "whydrop/v1/report.pb.h"

namespace whydrop::collector {
namespace {

constexpr int64_t kDayS = 86400;
constexpr int kDays = 90;
constexpr int kConnectionsPerSession = 4;

std::string Bytes(const std::function<void(v1::Evidence*)>& fill) {
  v1::Evidence evidence;
  evidence.set_established(true);
  evidence.set_protocol(v1::TCP);
  evidence.set_opened_ms(200);
  evidence.set_connected_ms(240);
  evidence.set_rtt_us(31000);
  evidence.set_bytes_sent(52111);
  evidence.set_bytes_received(912345);
  evidence.set_ended_ms(1500);
  fill(&evidence);
  return evidence.SerializeAsString();
}

void Fail(v1::Evidence* evidence, v1::ErrorKind kind, int32_t number, v1::Operation operation) {
  evidence->set_error_kind(kind);
  evidence->set_os_error(number);
  evidence->set_operation(operation);
  evidence->set_since_recv_ms(400);
  evidence->set_link_up(true);
  evidence->set_failure_ms(1490);
}

std::vector<Ending> Endings() {
  const auto reset = [](v1::Evidence* e) { Fail(e, v1::RESET, 104, v1::RECV); };
  const auto silence = [](v1::Evidence* e) {
    Fail(e, v1::TIMED_OUT, 110, v1::RECV);
    e->set_retransmits(7);
    e->set_outq_bytes(900);
  };
  const auto closed = [](v1::Evidence* e) {
    e->set_closed_locally(true);
    e->set_close_reason(v1::LOGOUT);
    e->set_announced_reason(v1::LOGOUT);
  };
  const auto died = [](int32_t how) {
    return [how](v1::Evidence* e) {
      e->set_session_end(how);
      e->set_session_end_confidence(v1::HIGH);
    };
  };
  const auto saw_close = [](v1::Evidence* e) { e->set_peer_closed(true); };
  const auto kicked = [](v1::Evidence* e) {
    e->set_peer_closed(true);
    e->set_announced_reason(v1::KICK);
  };
  const auto kicks = [](v1::Evidence* e) {
    e->set_closed_locally(true);
    e->set_close_reason(v1::KICK);
    e->set_announced_reason(v1::KICK);
  };
  const auto unread = [](v1::Evidence* e) {
    e->set_closed_locally(true);
    e->set_unread_at_close_bytes(1400);
  };
  const auto no_link = [silence](v1::Evidence* e) {
    silence(e);
    e->set_link_up(false);
  };
  const auto refused = [](v1::Evidence* e) {
    e->clear_established();
    e->clear_connected_ms();
    Fail(e, v1::REFUSED, 111, v1::CONNECT);
  };
  return {{700, Bytes(closed), Bytes(saw_close), 101},
          {60, Bytes(died(200)), Bytes(reset), 200},
          {25, Bytes(died(201)), Bytes(saw_close), 201},
          {20, Bytes(died(203)), Bytes(silence), 203},
          {10, Bytes(died(301)), Bytes(silence), 301},
          {60, Bytes(silence), Bytes(silence), 101},
          {30, Bytes(reset), Bytes(reset), 101},
          {25, Bytes(reset), Bytes(unread), 101},
          {25, Bytes(no_link), Bytes(silence), 101},
          {25, Bytes(kicked), Bytes(kicks), 101},
          {20, Bytes(refused), "", 101}};
}

std::string Token(uint64_t session, int number) {
  std::string token(16, 'k');
  for (size_t i = 0; i < 8; ++i) token[i] = static_cast<char>(session >> (8 * i));
  token[8] = static_cast<char>(number);
  return token;
}

ConnectionRecord MakeRecord(uint32_t number, const std::string& evidence) {
  ConnectionRecord record;
  record.number = number;
  record.evidence_bytes = evidence;
  record.evidence = DecodeEvidence(evidence);
  return record;
}

Batch MakeBatch(Role role, uint64_t session, int64_t now_s, int64_t age_s) {
  Batch batch;
  for (size_t i = 0; i < 8; ++i) {
    // Sessions of a real store have random ids: neighbours in time are none in an index.
    batch.key.session_id[i] = static_cast<uint8_t>((session * 0x9E3779B97F4A7C15u) >> (8 * i));
    batch.key.session_id[8 + i] = static_cast<uint8_t>(session >> (8 * i));
  }
  batch.session.role = role;
  batch.session.app_id = "game";
  batch.session.uptime_ms = batch.reference_ms = 2000;
  batch.session.end = 101;
  batch.received_unix_s = now_s;
  batch.reference_unix_s = now_s - age_s;
  return batch;
}

}  // namespace

Season::Season(uint64_t connections) : players_(connections / kConnectionsPerSession + 1), endings_(Endings()) {
  for (const Ending& ending : endings_) weights_.push_back(ending.weight);
}

void Season::Next(int64_t now_s, Batch* client, std::vector<ConnectionRecord>* server, int64_t* age_s) {
  const uint64_t session = ++sessions_;
  // Reports arrive day by day, a few of them late.
  const int late = random_() % 8 == 0 ? static_cast<int>(Zipf(7)) : 0;
  const int day = std::min(kDays - 1, kDays - 1 - static_cast<int>(seen_++ * kDays / players_) + late);
  *age_s = day * kDayS + static_cast<int64_t>(random_() % kDayS);
  *client = MakeBatch(Role::kClient, session, now_s, *age_s);
  SessionInfo& info = client->session;
  info.app_version = "1." + std::to_string((kDays - day) / 15 + Zipf(3));
  info.platform = static_cast<int32_t>(1 + Zipf(3));
  info.tags = {{"gpu", "gpu-" + std::to_string(Zipf(12))},
               {"mode", "mode-" + std::to_string(Zipf(4))},
               {"region", "region-" + std::to_string(Zipf(6))}};
  const size_t gate = Zipf(24);
  const std::string network = "isp-" + std::to_string(Zipf(12));
  for (int number = 1; number <= kConnectionsPerSession; ++number) {
    std::discrete_distribution<size_t> pick(weights_.begin(), weights_.end());
    const Ending& ending = endings_[pick(random_)];
    ConnectionRecord record = MakeRecord(static_cast<uint32_t>(number), ending.client);
    record.endpoint = "gate-" + std::to_string(gate);
    record.network = network;
    // The servers of a quarter of the players link the SDK too.
    if (session % 4 == 0) record.token_hash = Token(session, number);
    if (session % 4 == 0 && !ending.server.empty()) {
      server->push_back(MakeRecord(static_cast<uint32_t>(server->size() + 1), ending.server));
      server->back().token_hash = record.token_hash;
      server->back().endpoint = record.endpoint;
    }
    info.end = ending.session_end;
    client->connections.push_back(std::move(record));
  }
  if (info.end == 200) {
    info.crash_code = 11;
    info.crash_module = Zipf(5) < 3 ? "libgame.so" : "libdriver.so";
    info.crash_offset = 0x1000 + 16 * Zipf(200);
    info.crash_report_id = "report-" + std::to_string(session);
  }
}

Batch Season::MakeServer(int64_t now_s, int64_t age_s, std::vector<ConnectionRecord> records) {
  Batch batch = MakeBatch(Role::kServer, ++sessions_, now_s, age_s);
  batch.session.app_version = "server-2.1";
  batch.session.platform = 1;
  batch.connections = std::move(records);
  return batch;
}

size_t Season::Zipf(size_t count) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random_);
  return static_cast<size_t>(std::pow(static_cast<double>(count + 1), u)) - 1;
}

}  // namespace whydrop::collector
