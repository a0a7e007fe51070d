// A collector's store at scale: fills it through its own writer with a season of a game, unless it holds enough
// already, and then asks what the analyst's page asks. Prints reports a second and milliseconds.
//
//   store_bench STORE_URL [CONNECTIONS]      10,000,000 unless said otherwise; a filled store is used again
//
// extend_store.py makes ten million of four in a tenth of the time.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "samples/collector/ingest/batch_decoder.h"
#include "samples/collector/store/store.h"
#include "whydrop/v1/report.pb.h"

namespace whydrop::collector {
namespace {

constexpr int64_t kDayS = 86400;
constexpr int kDays = 90;
constexpr int kConnectionsPerSession = 4;
constexpr int kRounds = 5;

int64_t UnixSeconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since).count();
}

double Milliseconds(const std::function<void()>& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

// How one connection ended, as each end saw it, and how often that happens.
struct Ending {
  int weight;
  std::string client;  // whydrop.v1.Evidence
  std::string server;  // "": the server's record never came
  int32_t session_end;
};

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

// The season: versions come and go, gates and networks differ in size, a newer version crashes more.
class Season {
 public:
  explicit Season(uint64_t connections) : players_(connections / kConnectionsPerSession + 1), endings_(Endings()) {
    for (const Ending& ending : endings_) weights_.push_back(ending.weight);
  }

  // One player's session, and the part of a server's report that tells of the same connections.
  void Next(int64_t now_s, Batch* client, std::vector<ConnectionRecord>* server, int64_t* age_s) {
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

  Batch MakeServer(int64_t now_s, int64_t age_s, std::vector<ConnectionRecord> records) {
    Batch batch = MakeBatch(Role::kServer, ++sessions_, now_s, age_s);
    batch.session.app_version = "server-2.1";
    batch.session.platform = 1;
    batch.connections = std::move(records);
    return batch;
  }

 private:
  // 0 most often, the others less and less.
  size_t Zipf(size_t count) {
    const double u = std::uniform_real_distribution<double>(0, 1)(random_);
    return static_cast<size_t>(std::pow(static_cast<double>(count + 1), u)) - 1;
  }

  static std::string Token(uint64_t session, int number) {
    std::string token(16, 'k');
    for (size_t i = 0; i < 8; ++i) token[i] = static_cast<char>(session >> (8 * i));
    token[8] = static_cast<char>(number);
    return token;
  }

  static ConnectionRecord MakeRecord(uint32_t number, const std::string& evidence) {
    ConnectionRecord record;
    record.number = number;
    record.evidence_bytes = evidence;
    record.evidence = DecodeEvidence(evidence);
    return record;
  }

  static Batch MakeBatch(Role role, uint64_t session, int64_t now_s, int64_t age_s) {
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

  const uint64_t players_;
  const std::vector<Ending> endings_;
  std::vector<int> weights_;
  std::mt19937_64 random_{7};
  uint64_t sessions_ = 0;  // of players and servers
  uint64_t seen_ = 0;      // players
};

// Sends without waiting for each answer, as many clients do.
class Sender {
 public:
  explicit Sender(Store* store) : store_(store) {}

  void Send(const Batch& batch) {
    std::unique_lock<std::mutex> lock(mutex_);
    room_.wait(lock, [this] { return waiting_ < kMostWaiting; });
    ++waiting_;
    lock.unlock();
    const bool taken = store_->Submit(batch, [this](StoreVerdict verdict) {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (verdict != StoreVerdict::kAccepted) std::fprintf(stderr, "a batch was not accepted\n"), std::exit(1);
      --waiting_;
      room_.notify_one();
    });
    if (!taken) std::fprintf(stderr, "a batch was refused\n"), std::exit(1);
  }

  void Finish() {
    std::unique_lock<std::mutex> lock(mutex_);
    room_.wait(lock, [this] { return waiting_ == 0; });
  }

 private:
  static constexpr int kMostWaiting = 2000;
  Store* store_;
  std::mutex mutex_;
  std::condition_variable room_;
  int waiting_ = 0;  // guarded by mutex_
};

void Fill(Store* store, uint64_t connections) {
  Season season(connections);
  Sender sender(store);
  std::vector<ConnectionRecord> server;
  uint64_t sent = 0, batches = 0;
  const double took = Milliseconds([&] {
    while (sent < connections) {
      Batch client;
      int64_t age_s = 0;
      season.Next(UnixSeconds(), &client, &server, &age_s);
      sent += client.connections.size();
      sender.Send(client);
      ++batches;
      if (server.size() < 500) continue;
      sender.Send(season.MakeServer(UnixSeconds(), age_s, std::move(server)));
      ++batches;
      server.clear();
    }
    if (!server.empty()) sender.Send(season.MakeServer(UnixSeconds(), 0, std::move(server)));
    sender.Finish();
  });
  std::printf("filled: %llu connections, %llu reports in %.0f s: %.0f reports/s, %.0f connections/s\n",
              static_cast<unsigned long long>(sent), static_cast<unsigned long long>(batches), took / 1000,
              static_cast<double>(batches) / took * 1000, static_cast<double>(sent) / took * 1000);
}

// The middle of a few rounds, as time and as the processor's time in this process: on a busy machine the former says more
// of the others.
void Time(const char* name, const std::function<uint64_t()>& question) {
  std::vector<double> took, worked;
  uint64_t answer = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::clock_t before = std::clock();
    took.push_back(Milliseconds([&] { answer = question(); }));
    worked.push_back(1000.0 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC);
  }
  std::sort(took.begin(), took.end());
  std::sort(worked.begin(), worked.end());
  std::printf("%8.1f ms, processor %7.1f ms  %-56s %llu\n", took[kRounds / 2], worked[kRounds / 2], name,
              static_cast<unsigned long long>(answer));
  std::fflush(stdout);
}

void AskAttribution(Store* store, const char* name, std::vector<std::string> group_by,
                    const std::function<void(AttributionQuery*)>& narrow = nullptr) {
  AttributionQuery query;
  query.group_by = std::move(group_by);
  if (narrow) narrow(&query);
  Time(name, [&] { return store->QueryAttribution(query).connections; });
}

void AskAll(Store* store) {
  const int64_t today_s = UnixSeconds() / kDayS * kDayS;
  const auto dropped = [](AttributionQuery* query) { query->outcome = Outcome::kDropped; };
  const auto last = [today_s](int days) {
    return [today_s, days](AttributionQuery* query) {
      query->outcome = Outcome::kDropped;
      query->from = today_s - (days - 1) * kDayS;
    };
  };
  AskAttribution(store, "cause, side, server_error of all that dropped", {"cause", "side", "server_error"}, dropped);
  AskAttribution(store, "the same of 30 days", {"cause", "side", "server_error"}, last(30));
  AskAttribution(store, "day, cause, side of all that dropped", {"day", "cause", "side"}, dropped);
  AskAttribution(store, "hour, cause, side of 3 days", {"hour", "cause", "side"}, last(3));
  AskAttribution(store, "app_version, cause, side, outcome of all", {"app_version", "cause", "side", "outcome"});
  AskAttribution(store, "cause of all", {"cause"});
  AskAttribution(store, "outcome, platform of all", {"outcome", "platform"});
  AskAttribution(store, "endpoint, cause of all", {"endpoint", "cause"});
  AskAttribution(store, "network, cause of all", {"network", "cause"});
  AskAttribution(store, "tag:gpu, cause of all", {"tag:gpu", "cause"});
  AskAttribution(store, "cause, server_error of one endpoint", {"cause", "server_error"},
                 [](AttributionQuery* query) { query->endpoint = "gate-3"; });
  AskAttribution(store, "day, cause of one version on one platform", {"day", "cause"}, [](AttributionQuery* query) {
    query->app_version = "1.4";
    query->platform = 1;
  });
  AskAttribution(store, "cause, server_error of one tag's value", {"cause", "server_error"},
                 [](AttributionQuery* query) {
                   query->tags = {{"gpu", "gpu-2"}};
                 });
  AskAttribution(store, "cause from one second to another within 45 days", {"cause"},
                 [today_s](AttributionQuery* query) {
                   query->from = today_s - 50 * kDayS + 12345;
                   query->to = today_s - 5 * kDayS + 54321;
                 });
  AskAttribution(store, "cause of one endpoint and one tag's value, 7 days", {"cause"},
                 [today_s](AttributionQuery* query) {
                   query->endpoint = "gate-3";
                   query->tags = {{"gpu", "gpu-2"}};
                   query->from = today_s - 6 * kDayS;
                 });
  Time("findings of all", [&] { return store->QueryFindings({}).size(); });
  Time("ends of sessions", [&] { return store->QuerySessionEnds({}).size(); });
  Time("crashes by place", [&] { return store->QueryCrashes({}, 100).sessions; });
  ConnectionQuery rare;
  rare.cause = WHYDROP_CAUSE_SYSTEM_DOWN;
  Time("20 recent connections of a rare cause", [&] { return store->RecentConnections(rare, 20).size(); });
}

int Main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: store_bench STORE_URL [CONNECTIONS]\n"), 2;
  const uint64_t wanted = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10000000;
  Metrics metrics;
  try {
    const std::unique_ptr<Store> store = OpenStore(argv[1], UnixSeconds, &metrics);
    if (store->QueryAttribution({{}, {"cause"}, std::nullopt}).connections < wanted) Fill(store.get(), wanted);
    store->Settle();
    AskAll(store.get());
    return 0;
  } catch (const StoreError& error) {
    return std::fprintf(stderr, "store_bench: %s\n", error.what()), 1;
  }
}

}  // namespace
}  // namespace whydrop::collector

int main(int argc, char** argv) { return whydrop::collector::Main(argc, argv); }
