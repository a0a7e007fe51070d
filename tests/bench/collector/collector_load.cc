// Loads a collector, or the bare server, and says what came of it as one line of JSON.
//
//   collector_load uploads PORT SECONDS THREADS FIRST [RATE]   each batch on a new connection with a full TLS
//   handshake;
//                                                               RATE: so many a second, by a schedule; else all it
//                                                               takes
//   collector_load rows PORT BATCHES ROWS THREADS FIRST         batches of servers, kept alive, without TLS
//   collector_load sizes                                        bytes of such batches as they are sent
//   collector_load hold PORT SECONDS CONNECTIONS FIRST          TLS connections that stay, each posting now and then
//
// FIRST is the number of the first batch: runs against one store must not overlap.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/collector/batches.h"
#include "bench/collector/load_client.h"

namespace whydrop::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

double SecondsSince(Clock::time_point begun) { return duration<double>(Clock::now() - begun).count(); }

struct Tally {
  uint64_t answered = 0;
  uint64_t failed = 0;
  std::vector<double> took_ms;
};

// Runs `work(thread, tally)` on so many threads and adds up.
Tally OnThreads(unsigned threads, const std::function<void(unsigned, Tally*)>& work) {
  std::vector<Tally> tallies(threads);
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) running.emplace_back([&, i] { work(i, &tallies[i]); });
  for (std::thread& thread : running) thread.join();
  Tally sum;
  for (const Tally& one : tallies) {
    sum.answered += one.answered;
    sum.failed += one.failed;
    sum.took_ms.insert(sum.took_ms.end(), one.took_ms.begin(), one.took_ms.end());
  }
  std::sort(sum.took_ms.begin(), sum.took_ms.end());
  return sum;
}

double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

void Print(const Tally& tally, uint64_t rows, double seconds) {
  std::printf("{\"answered\":%llu,\"failed\":%llu,\"rows\":%llu,\"seconds\":%.3f,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
              static_cast<unsigned long long>(tally.answered), static_cast<unsigned long long>(tally.failed),
              static_cast<unsigned long long>(rows), seconds, Percentile(tally.took_ms, 0.5),
              Percentile(tally.took_ms, 0.99));
}

void PostOnce(uint16_t port, const ClientTls& tls, const Body& body, Clock::time_point due, Tally* tally) {
  LoadConnection connection;
  const bool good = connection.Open(port, &tls) && connection.Post(body.gzip) == 200;
  ++(good ? tally->answered : tally->failed);
  tally->took_ms.push_back(1000 * SecondsSince(due));
}

void Uploads(uint16_t port, double seconds, unsigned threads, uint64_t first, double rate) {
  const ClientTls tls;
  std::atomic<uint64_t> next{0};
  const Clock::time_point begun = Clock::now();
  const Tally tally = OnThreads(threads, [&](unsigned, Tally* own) {
    for (;;) {
      const uint64_t number = next++;
      Clock::time_point due = Clock::now();
      if (rate > 0) {
        // Measured from when it should have begun: a stall delays all that are due behind it, and must show in them.
        due = begun + std::chrono::duration_cast<Clock::duration>(duration<double>(static_cast<double>(number) / rate));
        std::this_thread::sleep_until(due);
      }
      if (duration<double>(due - begun).count() >= seconds) return;
      PostOnce(port, tls, ClientBatch(first + number), due, own);
    }
  });
  Print(tally, 3 * tally.answered, SecondsSince(begun));
}

void Rows(uint16_t port, uint64_t batches, uint32_t rows, unsigned threads, uint64_t first) {
  std::vector<Body> bodies;
  for (uint64_t i = 0; i < batches; ++i) bodies.push_back(ServerBatch(first + i, rows));
  std::atomic<uint64_t> next{0};
  const Clock::time_point begun = Clock::now();
  const Tally tally = OnThreads(threads, [&](unsigned, Tally* own) {
    LoadConnection connection;
    if (!connection.Open(port, nullptr)) return;
    for (uint64_t number = next++; number < batches; number = next++) {
      int status = connection.Post(bodies[number].gzip);
      while (status == 503) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        status = connection.Post(bodies[number].gzip);
      }
      ++(status == 200 ? own->answered : own->failed);
    }
  });
  Print(tally, rows * tally.answered, SecondsSince(begun));
}

void Hold(uint16_t port, double seconds, unsigned connections, uint64_t first) {
  constexpr unsigned kThreads = 4;
  const ClientTls tls;
  std::atomic<uint64_t> next{first};
  const Clock::time_point begun = Clock::now();
  const Tally tally = OnThreads(kThreads, [&](unsigned, Tally* own) {
    std::vector<std::unique_ptr<LoadConnection>> held(connections / kThreads);
    const auto post = [&](std::unique_ptr<LoadConnection>* connection) {
      return *connection != nullptr && (*connection)->Post(ClientBatch(next++).gzip) == 200;
    };
    const auto open = [&](std::unique_ptr<LoadConnection>* connection) {
      *connection = std::make_unique<LoadConnection>();
      return (*connection)->Open(port, &tls);
    };
    for (auto& connection : held) own->failed += open(&connection) ? 0 : 1;
    // Each connection posts about once in twenty seconds, less than the server's idle time-out. Where the machine was
    // too slow for that the server has closed it, and it is opened again, as a game would.
    while (SecondsSince(begun) < seconds) {
      const Clock::time_point round = Clock::now();
      for (size_t i = 0; i < held.size() && SecondsSince(begun) < seconds; ++i) {
        const bool good = post(&held[i]) || (open(&held[i]) && post(&held[i]));
        ++(good ? own->answered : own->failed);
        const double share = static_cast<double>(i + 1) / static_cast<double>(held.size());
        std::this_thread::sleep_until(round +
                                      std::chrono::duration_cast<Clock::duration>(duration<double>(20 * share)));
      }
    }
  });
  Print(tally, 3 * tally.answered, SecondsSince(begun));
}

int Main(const std::vector<std::string>& arguments) {
  const auto number = [&](size_t i) { return i < arguments.size() ? std::strtod(arguments[i].c_str(), nullptr) : 0; };
  const std::string what = arguments.empty() ? "" : arguments[0];
  const auto port = static_cast<uint16_t>(number(1));
  if (what == "uploads" && arguments.size() >= 5) {
    Uploads(port, number(2), static_cast<unsigned>(number(3)), static_cast<uint64_t>(number(4)), number(5));
  } else if (what == "rows" && arguments.size() == 6) {
    Rows(port, static_cast<uint64_t>(number(2)), static_cast<uint32_t>(number(3)), static_cast<unsigned>(number(4)),
         static_cast<uint64_t>(number(5)));
  } else if (what == "hold" && arguments.size() == 5) {
    Hold(port, number(2), static_cast<unsigned>(number(3)), static_cast<uint64_t>(number(4)));
  } else if (what == "sizes") {
    const Body server = ServerBatch(1, 2000);
    std::printf("{\"failed\":0,\"client_bytes\":%zu,\"client_rows\":%llu,\"server_bytes_a_row\":%.1f}\n",
                ClientBatch(1).gzip.size(), static_cast<unsigned long long>(ClientBatch(1).rows),
                static_cast<double>(server.gzip.size()) / static_cast<double>(server.rows));
  } else {
    std::fputs("usage: collector_load uploads|rows|sizes|hold PORT ..., see the head of its source\n", stderr);
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace whydrop::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return whydrop::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
