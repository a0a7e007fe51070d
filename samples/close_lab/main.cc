// close_lab: every way in which a connection of a game is known to end, done for real between three hosts, and judged
// by the real SDK and the real collector.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "close_lab/cases.h"
#include "close_lab/matrix.h"
#include "close_lab/peer.h"
#include "close_lab/script.h"
#include "common/child.h"
#include "common/tun_relay.h"

namespace close_lab {
namespace {

constexpr char kUsage[] =
    "usage: close_lab list\n"
    "       close_lab run [CASE...] [--json] [--repeat N] [--jobs N] [--rtt MS] [--collector PROGRAM]\n"
    "Makes connections end in every known way, between three hosts in network namespaces of its own, and compares "
    "what\n"
    "whydrop says of each end with what was done to it. Needs root. A CASE is a name of the list, or the beginning of\n"
    "several; none: all.\n"
    "  --json       the result as one JSON object, nothing else\n"
    "  --repeat N   every case N times\n"
    "  --jobs N     so many at the same time, default 12\n"
    "  --rtt MS     every packet takes half of this time on its way through the router\n"
    "  --collector  whydrop-collector, default the one that was built beside this program\n"
    "Ends with 0 when what is promised of the verdicts holds, 1 when not, 2 for a wrong call, 77 when nothing could "
    "be\n"
    "run for want of a privilege.\n";

constexpr int kBadCall = 2;
constexpr int kNothingRun = 77;
constexpr int kCollectorStartMs = 10000;

struct Options {
  std::vector<std::string> names;
  bool json = false;
  int repeat = 1, jobs = 12, rtt_ms = 0;
  std::string collector;
};

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "close_lab: %s\n%s", why.c_str(), kUsage);
  std::exit(kBadCall);
}

int PositiveNumber(const std::string& option, const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 1 || value > 100000)
    Refuse(option + " needs a number, not '" + text + "'");
  return static_cast<int>(value);
}

Options ParseRun(int argc, char** argv) {
  Options options;
  options.collector = (std::filesystem::path(samples::OwnProgram()).parent_path() / "../collector/whydrop-collector")
                          .lexically_normal()
                          .string();
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      options.json = true;
    } else if (word.compare(0, 2, "--") != 0) {
      options.names.push_back(word);
    } else if (i + 1 == argc) {
      Refuse(word + " is no option or needs a value");
    } else if (word == "--repeat") {
      options.repeat = PositiveNumber(word, argv[++i]);
    } else if (word == "--jobs") {
      options.jobs = PositiveNumber(word, argv[++i]);
    } else if (word == "--rtt") {
      options.rtt_ms = PositiveNumber(word, argv[++i]);
    } else if (word == "--collector") {
      options.collector = argv[++i];
    } else {
      Refuse("no option " + word);
    }
  }
  return options;
}

std::vector<Experiment> Choose(const std::vector<std::string>& names) {
  const std::vector<Experiment> all = AllExperiments();
  if (names.empty()) return all;
  std::vector<Experiment> chosen;
  for (const std::string& name : names) {
    const size_t before = chosen.size();
    const auto is_named = [&](const Experiment& e) { return e.id == name; };
    if (std::any_of(all.begin(), all.end(), is_named)) {
      std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), is_named);
    } else {
      std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
                   [&](const Experiment& e) { return e.id.compare(0, name.size(), name) == 0; });
    }
    if (chosen.size() == before) Refuse("no case is called '" + name + "' or begins so; see close_lab list");
  }
  return chosen;
}

// Why a case cannot be run here; "" when it can.
std::string Lacks(const Case& wanted, const Abilities& abilities, int rtt_ms) {
  const struct {
    uint32_t need;
    const std::string& lack;
  } kNeeds[] = {{kFirewall, abilities.firewall},
                {kConntrack, abilities.conntrack},
                {kDestroy, abilities.destroy},
                {kBoot, abilities.boot},
                {kRelay, abilities.relay}};
  if (!abilities.networks.empty()) return abilities.networks;
  const uint32_t needs = wanted.needs | (rtt_ms != 0 ? kRelay : kNothing);
  for (const auto& row : kNeeds) {
    if ((needs & row.need) != 0 && !row.lack.empty()) return row.lack;
  }
  return std::string();
}

int List() {
  for (const Experiment& experiment : AllExperiments()) {
    std::printf("%-42s %-7s %-22s %s\n", experiment.id.c_str(), experiment.base->study, experiment.base->truth,
                experiment.base->title);
  }
  return 0;
}

// The digits behind the last colon of a URL that stands in the line with this name.
std::string PortAfter(const std::string& line, const std::string& name) {
  const size_t start = line.find(name);
  if (start == std::string::npos) return std::string();
  const std::string url = line.substr(start, line.find(' ', start) - start);
  return url.substr(url.rfind(':') + 1);
}

// Starts the collector, which tells its two addresses in its first line.
bool StartCollector(const std::string& program, LabSettings* settings, samples::Child* collector, std::string* error) {
  int number = 0;
  // A window of 0: whoever has not reported when the collector is asked will not.
  const std::string addresses = "--listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --rate-limit 0 --join-window 0";
  std::istringstream words(addresses);
  std::vector<std::string> arguments = {program, "--store", "sqlite:" + settings->directory + "/lab.db"};
  for (std::string word; words >> word;) arguments.push_back(word);
  std::string line;
  samples::Place place;
  place.error_file = settings->directory + "/collector.log";
  if (!collector->Start(arguments, place, &number)) {
    *error = std::strerror(number);
    return false;
  }
  if (collector->ReadLine(kCollectorStartMs, &line) == samples::Child::Read::kLine) {
    settings->collector_port = PortAfter(line, "ingest=");
    settings->admin_port = PortAfter(line, "admin=");
  }
  if (settings->collector_port.empty() || settings->admin_port.empty()) {
    *error = program + " does not start: " + line;
    return false;
  }
  return true;
}

// Runs the experiments on so many threads; each has its hosts, peers and state directories for itself.
std::vector<Outcome> RunAll(const std::vector<Experiment>& experiments, const Options& options,
                            const LabSettings& settings) {
  std::vector<Outcome> outcomes;
  std::mutex mutex;
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < experiments.size() && !samples::Interrupted();) {
      Outcome outcome = RunExperiment(experiments[i], static_cast<int>(i), settings);
      const std::lock_guard<std::mutex> lock(mutex);
      if (!options.json) PrintOutcome(outcome);
      outcomes.push_back(std::move(outcome));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < options.jobs; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  std::sort(outcomes.begin(), outcomes.end(),
            [](const Outcome& a, const Outcome& b) { return a.experiment.id < b.experiment.id; });
  return outcomes;
}

int RunLab(const Options& options) {
  const auto started = std::chrono::steady_clock::now();
  const Abilities abilities = FindAbilities();
  std::vector<Experiment> experiments;
  std::vector<Skipped> skipped;
  for (const Experiment& experiment : Choose(options.names)) {
    const std::string lack = Lacks(*experiment.base, abilities, options.rtt_ms);
    if (!lack.empty()) {
      skipped.push_back({experiment.id, lack});
      continue;
    }
    for (int i = 0; i < options.repeat; ++i) experiments.push_back(experiment);
  }
  if (experiments.empty()) {
    std::fprintf(stderr, "close_lab: nothing can be run: %s\n", skipped.front().why.c_str());
    return kNothingRun;
  }
  LabSettings settings;
  int number = 0;
  settings.directory = samples::NewDirectory(&number);
  settings.program = samples::OwnProgram();
  settings.rtt_ms = options.rtt_ms;
  const samples::Descriptor home = samples::CurrentNetwork();
  settings.home_network = home.get();
  std::ofstream(settings.directory + "/other_boot_id") << "0b5e55ed-0000-4000-8000-000000000001\n";
  samples::Child collector;
  std::string error;
  int status = 1;
  if (StartCollector(options.collector, &settings, &collector, &error)) {
    const std::vector<Outcome> outcomes = RunAll(experiments, options, settings);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    if (options.json) {
      PrintJson(outcomes, skipped);
    } else {
      PrintSummary(outcomes, skipped);
      std::printf("took %.0f s\n", took.count());
    }
    status = !samples::Interrupted() && MeetsBars(Count(outcomes)) ? 0 : 1;
  } else {
    std::fprintf(stderr, "close_lab: no collector: %s\n", error.c_str());
  }
  collector.Kill();
  std::error_code ignored;
  if (std::getenv("CLOSE_LAB_KEEP") == nullptr) std::filesystem::remove_all(settings.directory, ignored);
  return status;
}

int Main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "peer" || verb == "relaunch") return PeerMain(argc, argv);
  if (verb == "relay" && argc == 3) return samples::RunTunRelay(std::atoi(argv[2]));
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") != 0 && std::strcmp(argv[i], "-h") != 0) continue;
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (verb == "list" && argc == 2) return List();
  if (verb != "run") Refuse(verb.empty() ? "say list or run" : "'" + verb + "' is neither list nor run");
  samples::WatchInterrupts();
  return RunLab(ParseRun(argc, argv));
}

}  // namespace
}  // namespace close_lab

int main(int argc, char** argv) { return close_lab::Main(argc, argv); }
