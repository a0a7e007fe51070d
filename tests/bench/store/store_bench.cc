// A collector's stores at scale: fills each through its own writer with a season of a game, unless it holds enough
// already, and asks what the analyst's page asks. Prints reports a second and a table of milliseconds. Fails if two
// stores that hold the same do not answer the same.
//
//   store_bench [--engine PID] [--connections N] STORE_URL...      10,000,000 unless said otherwise
//
// PID is a server whose processor time counts as well. store_bench.py fills one store of each kind and runs this.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/store.h"
#include "tests/bench/store/season.h"

namespace whydrop::collector {
namespace {

constexpr int64_t kDayS = 86400;
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

// Of this process and of the server that it asks, in milliseconds: on a busy machine the clock says more of the others.
class ProcessorTime {
 public:
  explicit ProcessorTime(std::string pid) : pid_(std::move(pid)) {}

  double Now() const {
    const double own = 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    if (pid_.empty()) return own;
    std::ifstream stat("/proc/" + pid_ + "/stat");
    std::string line;
    std::getline(stat, line);
    // Behind the program's name, which may hold anything, the 12th and 13th.
    unsigned long user = 0, system = 0;
    const size_t name_end = line.rfind(')');
    if (name_end == std::string::npos ||
        std::sscanf(line.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                    &system) != 2) {
      std::fprintf(stderr, "no process %s\n", pid_.c_str()), std::exit(1);
    }
    return own + 1000.0 * static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

 private:
  const std::string pid_;
};

// One question; it returns the whole answer as text, the same from every store.
struct Question {
  std::string name;
  std::function<std::string(Store*)> ask;
};

std::string TextOf(const Attribution& answer) {
  std::vector<std::string> lines;
  for (const AttributionGroup& group : answer.groups) {
    lines.push_back(std::to_string(group.connections));
    for (const std::string& value : group.values) lines.back() += " " + value;
  }
  // Groups of one size stand in an order of the store's own.
  std::sort(lines.begin(), lines.end());
  std::string text = std::to_string(answer.connections) + " " + std::to_string(answer.reported) + " " +
                     std::to_string(answer.unjoined_server_records);
  for (const std::string& line : lines) text += "\n" + line;
  return text;
}

std::string TextOf(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += std::string(finding.text->id) + " " + std::to_string(finding.count) + " " +
            std::to_string(finding.dropped) + " " + std::to_string(finding.drops) + "\n";
  }
  return text;
}

std::string TextOf(const Crashes& crashes) {
  std::string text = std::to_string(crashes.sessions) + " " + std::to_string(crashes.places);
  for (const CrashGroup& group : crashes.groups) {
    text += "\n" + std::to_string(group.sessions) + " " + std::to_string(group.first_s) + " " +
            std::to_string(group.last_s) + " " + std::to_string(group.versions.size());
  }
  return text;
}

std::string TextOf(const std::vector<SessionEndGroup>& ends) {
  std::vector<std::string> lines;
  for (const SessionEndGroup& group : ends) {
    lines.push_back(group.app_version + " " + std::to_string(group.end) + " " + std::to_string(group.sessions));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Question ByGroups(const std::string& name, std::vector<std::string> group_by,
                  const std::function<void(AttributionQuery*)>& narrow = nullptr) {
  AttributionQuery query;
  query.group_by = std::move(group_by);
  if (narrow) narrow(&query);
  return {name, [query](Store* store) { return TextOf(store->QueryAttribution(query)); }};
}

std::vector<Question> Questions() {
  const int64_t today_s = UnixSeconds() / kDayS * kDayS;
  const auto dropped = [](AttributionQuery* query) { query->outcome = Outcome::kDropped; };
  const auto last = [today_s](int days) {
    return [today_s, days](AttributionQuery* query) {
      query->outcome = Outcome::kDropped;
      query->from = today_s - (days - 1) * kDayS;
    };
  };
  const auto gate = [](AttributionQuery* query) { query->endpoint = "gate-3"; };
  const auto card = [](AttributionQuery* query) { query->tags = {{"gpu", "gpu-2"}}; };
  const auto gate_and_card = [=](AttributionQuery* query) { gate(query), card(query); };
  const auto week = [=](AttributionQuery* query) {
    gate_and_card(query);
    query->from = today_s - 6 * kDayS;
  };
  const auto odd_time = [today_s](AttributionQuery* query) {
    query->from = today_s - 50 * kDayS + 12345;
    query->to = today_s - 5 * kDayS + 54321;
  };
  const auto one_build = [](AttributionQuery* query) {
    query->app_version = "1.4";
    query->platform = 1;
  };
  AttributionQuery of_gate, of_card;
  gate(&of_gate), card(&of_card);
  ConnectionQuery rare;
  rare.cause = WHYDROP_CAUSE_SYSTEM_DOWN;
  return {
      ByGroups("cause, side, server_error of all that dropped", {"cause", "side", "server_error"}, dropped),
      ByGroups("the same of 30 days", {"cause", "side", "server_error"}, last(30)),
      ByGroups("day, cause, side of all that dropped", {"day", "cause", "side"}, dropped),
      ByGroups("hour, cause, side of 3 days", {"hour", "cause", "side"}, last(3)),
      ByGroups("app_version, cause, side, outcome of all", {"app_version", "cause", "side", "outcome"}),
      ByGroups("outcome, platform of all", {"outcome", "platform"}),
      ByGroups("endpoint, cause of all", {"endpoint", "cause"}),
      ByGroups("network, cause of all", {"network", "cause"}),
      ByGroups("tag:gpu, cause of all", {"tag:gpu", "cause"}),
      ByGroups("cause, server_error of one endpoint", {"cause", "server_error"}, gate),
      ByGroups("day, cause of one version on one platform", {"day", "cause"}, one_build),
      ByGroups("cause, server_error of one tag's value", {"cause", "server_error"}, card),
      ByGroups("cause from one second to another within 45 days", {"cause"}, odd_time),
      ByGroups("network, cause of the same time", {"network", "cause"}, odd_time),
      ByGroups("cause of one endpoint and one tag's value, 7 days", {"cause"}, week),
      ByGroups("the same of all", {"cause"}, gate_and_card),
      {"findings of all", [](Store* store) { return TextOf(store->QueryFindings({})); }},
      {"findings of one endpoint", [=](Store* store) { return TextOf(store->QueryFindings(of_gate)); }},
      {"findings of one tag's value", [=](Store* store) { return TextOf(store->QueryFindings(of_card)); }},
      {"ends of sessions", [](Store* store) { return TextOf(store->QuerySessionEnds({})); }},
      {"ends of sessions of one tag's value", [=](Store* store) { return TextOf(store->QuerySessionEnds(of_card)); }},
      {"crashes by place", [](Store* store) { return TextOf(store->QueryCrashes({}, 100)); }},
      {"crashes by place of one tag's value", [=](Store* store) { return TextOf(store->QueryCrashes(of_card, 100)); }},
      {"20 recent connections of a rare cause",
       [rare](Store* store) { return std::to_string(store->RecentConnections(rare, 20).size()); }},
  };
}

// The middle of a few rounds by the clock, and the mean of their processor time.
std::string Time(const Question& question, Store* store, const ProcessorTime& processor, std::string* answer) {
  std::vector<double> took;
  const double before = processor.Now();
  for (int round = 0; round < kRounds; ++round) {
    took.push_back(Milliseconds([&] { *answer = question.ask(store); }));
  }
  const double worked = (processor.Now() - before) / kRounds;
  std::sort(took.begin(), took.end());
  char text[64];
  std::snprintf(text, sizeof text, " %.0f | %.0f |", took[kRounds / 2], worked);
  return text;
}

// False if the stores do not agree.
bool AskAll(const std::vector<std::unique_ptr<Store>>& stores, const std::vector<std::string>& names,
            const ProcessorTime& processor) {
  std::string head = "| milliseconds |", line = "|---|";
  for (const std::string& name : names) {
    head += " " + name + " | processor |";
    line += "---|---|";
  }
  std::printf("%s\n%s\n", head.c_str(), line.c_str());
  bool same = true;
  for (const Question& question : Questions()) {
    std::printf("| %s |", question.name.c_str());
    std::vector<std::string> answers(stores.size());
    for (size_t i = 0; i < stores.size(); ++i) {
      std::printf("%s", Time(question, stores[i].get(), processor, &answers[i]).c_str());
      if (answers[i] == answers[0]) continue;
      same = false;
      std::printf(" differs");
      std::fprintf(stderr, "--- %s\n%s\n+++ %s\n%s\n", names[0].c_str(), answers[0].c_str(), names[i].c_str(),
                   answers[i].c_str());
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  return same;
}

int Main(int argc, char** argv) {
  uint64_t wanted = 10000000;
  std::string engine;
  std::vector<std::string> urls;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--engine") == 0 && i + 1 < argc) {
      engine = argv[++i];
    } else if (std::strcmp(argv[i], "--connections") == 0 && i + 1 < argc) {
      wanted = std::strtoull(argv[++i], nullptr, 10);
    } else {
      urls.push_back(argv[i]);
    }
  }
  if (urls.empty()) return std::fprintf(stderr, "usage: store_bench [--engine PID] [--connections N] URL...\n"), 2;
  Metrics metrics;
  try {
    std::vector<std::unique_ptr<Store>> stores;
    std::vector<std::string> names;
    for (const std::string& url : urls) {
      stores.push_back(OpenStore(url, UnixSeconds, &metrics));
      names.push_back(url.substr(0, url.find(':')));
      stores.back()->Settle();
      if (stores.back()->QueryAttribution({{}, {"cause"}, std::nullopt}).connections < wanted) {
        Fill(stores.back().get(), wanted);
        stores.back()->Settle();
      }
    }
    return AskAll(stores, names, ProcessorTime(engine)) ? 0 : 1;
  } catch (const StoreError& error) {
    return std::fprintf(stderr, "store_bench: %s\n", error.what()), 1;
  }
}

}  // namespace
}  // namespace whydrop::collector

int main(int argc, char** argv) { return whydrop::collector::Main(argc, argv); }
