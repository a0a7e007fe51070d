#include "close_lab/script.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <sstream>
#include <thread>

#include "close_lab/peer.h"

namespace close_lab {
namespace {

constexpr int kAnswerMs = 90000;
constexpr int kGoneMs = 30000;
constexpr int kStepMs = 20;
constexpr int kHearMs = 20000;
constexpr int kBusyTimes = 3;  // a busy machine takes so much longer
constexpr int kSlowRttMs = 60;

using Words = std::vector<std::string>;

Words Split(const std::string& text, char separator) {
  std::istringstream stream(text);
  Words words;
  for (std::string word; std::getline(stream, word, separator);) {
    const size_t begin = word.find_first_not_of(" \n");
    if (begin != std::string::npos) words.push_back(word.substr(begin));
  }
  return words;
}

std::string Rest(const std::string& command) {
  const size_t space = command.find(' ');
  return space == std::string::npos ? std::string() : command.substr(space + 1);
}

// What happens often. A word behind the name takes the place of $1.
struct Shorthand {
  const char* name;
  const char* script;
};
constexpr Shorthand kShorthands[] = {
    {"beats", "both beat 64 200"},
    {"play", "beats; hear c 192; hear s 192"},
    {"quiet", "connect; beats; hear c 128; hear s 128; both beat 0 0; settle"},
    {"fast", "connect; both beat 64 33; hear c 640; hear s 640"},
    {"echo", "s udp-listen {s}; c udp {s} {port} $1; c send 10; hear c 10"},
    {"unread", "$1 read off; s send 500; acked s"},
    {"drop", "r-fw -A FORWARD -j DROP"},
    {"reject", "r-fw -I FORWARD -p tcp -j REJECT --reject-with $1"},
    {"reject-udp", "r-fw -I FORWARD -p udp -j REJECT --reject-with $1"},
    {"heal", "r-fw -F FORWARD"},
    {"cable-out", "r-ip link set c0 down"},
    {"keepalive", "$1 opt ka-idle 1; $1 opt ka-between 1; $1 opt ka-probes 3"},
    {"small-window", "$1-sysctl net/ipv4/tcp_rmem 4096 4096 4096"},
    {"few-syns", "c-sysctl net/ipv4/tcp_syn_retries 1; c-sysctl net/ipv4/tcp_syn_linear_timeouts 0"},
    {"narrow", "r-ip link set s0 mtu 1300; s-ip link set eth0 mtu 1300"},
    // Home routers that stop working for a host which sent fragments.
    {"wedging",
     "r-fw -A FORWARD -f -m recent --set --name wedged --rsource -j DROP; "
     "r-fw -A FORWARD -m recent --rcheck --name wedged --rsource -j DROP; "
     "r-fw -A FORWARD -m recent --rcheck --name wedged --rdest -j DROP"},
    {"mute-router", "r-fw -A OUTPUT {too-big} -j DROP"},
    {"destroy", "$1-tool ss -K -t state established"},
    // With the relay every packet is forwarded twice; only on the server's side of it addresses are translated.
    {"nat",
     "relayed r-fw -t raw -A PREROUTING -i c0 -j CT --notrack; relayed r-fw -t raw -A PREROUTING -i lab0 -j CT "
     "--notrack; "
     "r-sysctl net/netfilter/nf_conntrack_tcp_loose $1; r-fw -t nat -A POSTROUTING -o s0 -j MASQUERADE"},
    {"invalid", "r-fw -A FORWARD -p tcp -m conntrack --ctstate INVALID -j $1"},
    {"forget", "r-tool conntrack -F"},
    // The machine is gone with its sockets, and nothing of what it says at that reaches anybody.
    {"power-off", "drop; s-signal KILL; s-gone; s-tool ss -K -t state all; s-reboot"},
    {"vanish", "power-off; s-ip link set eth0 arp off; r-ip neigh flush dev s0; heal; s-fw -A OUTPUT -j DROP"},
};

std::string Replaced(std::string text, const std::string& name, const std::string& value) {
  for (size_t at; (at = text.find(name)) != std::string::npos;) text.replace(at, name.size(), value);
  return text;
}

int SignalOf(const std::string& name) {
  if (name == "TERM") return SIGTERM;
  if (name == "STOP") return SIGSTOP;
  return name == "CONT" ? SIGCONT : SIGKILL;
}

// One peer process as the script sees it.
struct End {
  PeerSettings settings;
  samples::Child process;
  bool accepted = false;
  bool closed = false;    // by a command
  std::string saw, told;  // the end of its connection, when its calls showed one
  bool gone = false;
  std::string how_gone;
};

// What a peer says of its connection so far.
struct Seen {
  long sent = 0, received = 0, unacknowledged = 0, unread = 0;
  int end = 0;
  std::string told;
};

class Run {
 public:
  Run(const Experiment& experiment, int number, const LabSettings& settings);
  void Carry(Outcome* outcome);

 private:
  bool StartPeer(End* end, Host host);
  bool Do(const std::string& command);
  bool DoAll(const std::string& script);
  bool DoHost(const std::string& verb, const std::string& rest, bool* known);
  bool DoPeer(const std::string& verb, const std::string& rest, bool* known);
  bool Connect();
  bool Await(End* end, int timeout_ms);
  bool Ask(End* end, Seen* seen);
  bool Until(const std::string& what, const std::function<bool(const Seen&, const Seen&)>& holds);
  bool DoWaiting(const std::string& verb, const std::string& rest, bool* known);
  void Wait(int ms);
  bool Tell(End* end, const std::string& command, std::string* answer);
  bool Gone(End* end);
  void Note(End* end, const std::string& line);
  void Listen(End* end, int timeout_ms);
  bool Report(End* end);
  std::string Saw(const End& end) const;

  const Experiment& experiment_;
  const LabSettings& settings_;
  int rtt_ms_;
  Topology hosts_;
  End client_, server_;
  std::string port_;
  bool rebooted_ = false;
  std::string error_;
};

// An app for each case, because the collector limits their number, and a token for each run of it.
std::string AppIdOf(const std::string& id) {
  std::string app = id;
  for (char& c : app) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return app;
}

Run::Run(const Experiment& experiment, int number, const LabSettings& settings)
    : experiment_(experiment), settings_(settings), rtt_ms_(settings.rtt_ms) {
  if (rtt_ms_ == 0 && (experiment.base->needs & kRelay) != 0) rtt_ms_ = kSlowRttMs;
  for (End* end : {&client_, &server_}) {
    end->settings.app_id = AppIdOf(experiment.id);
    end->settings.token = end->settings.app_id + "." + std::to_string(number);
    end->settings.collector_port = settings.collector_port;
    end->settings.home_network = settings.home_network;
    end->settings.server = end == &server_;
    end->settings.state_dir =
        settings.directory + "/" + end->settings.token + (end->settings.server ? "-server" : "-client");
  }
}

bool Run::StartPeer(End* end, Host host) {
  samples::Place place;
  place.network = hosts_.network(host);
  place.inherited = settings_.home_network;
  int number = 0;
  std::string line;
  if (end->process.Start(PeerArguments(settings_.program, end->settings, false), place, &number) &&
      end->process.ReadLine(kAnswerMs, &line) == samples::Child::Read::kLine && line == "ok") {
    return true;
  }
  error_ = "a peer did not start: " + line + (number != 0 ? std::strerror(number) : "");
  return false;
}

void Run::Note(End* end, const std::string& line) {
  if (line == "accepted") end->accepted = true;
  if (line.compare(0, 4, "end ") != 0 || !end->saw.empty()) return;
  const size_t last = line.rfind(' ');
  end->saw = line.substr(4, last - 4);
  end->told = line.substr(last + 1);
}

void Run::Listen(End* end, int timeout_ms) {
  std::string line;
  while (end->process.ReadLine(timeout_ms, &line) == samples::Child::Read::kLine) {
    Note(end, line);
    timeout_ms = 0;
  }
}

void Run::Wait(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  for (End* end : {&client_, &server_}) Listen(end, 0);
}

bool Run::Await(End* end, int timeout_ms) {
  for (int waited_ms = 0; waited_ms < kBusyTimes * timeout_ms && end->saw.empty(); waited_ms += kStepMs) {
    if (samples::Interrupted()) return false;
    Wait(kStepMs);
  }
  return true;
}

bool Run::Tell(End* end, const std::string& command, std::string* answer) {
  if (end->process.WriteLine(command)) {
    std::string line;
    while (end->process.ReadLine(kAnswerMs, &line) == samples::Child::Read::kLine) {
      if (line.compare(0, 2, "ok") == 0) {
        *answer = line.size() > 3 ? line.substr(3) : std::string();
        return true;
      }
      if (line.compare(0, 2, "no") == 0) {
        error_ = command + ": " + line;
        return false;
      }
      Note(end, line);
    }
  }
  error_ = command + ": the peer does not answer";
  return false;
}

bool Run::Ask(End* end, Seen* seen) {
  std::string answer;
  if (!Tell(end, "seen", &answer)) return false;
  std::istringstream(answer) >> seen->sent >> seen->received >> seen->unacknowledged >> seen->unread >> seen->end >>
      seen->told;
  return true;
}

bool Run::Until(const std::string& what, const std::function<bool(const Seen&, const Seen&)>& holds) {
  Seen client, server;
  for (int waited_ms = 0; waited_ms < kHearMs; waited_ms += kStepMs) {
    if (samples::Interrupted() || !Ask(&client_, &client) || !Ask(&server_, &server)) return false;
    if (holds(client, server)) return true;
    Wait(kStepMs);
  }
  error_ = "in vain: " + what;
  return false;
}

// Commands that wait for what has to be there, not for time.
bool Run::DoWaiting(const std::string& verb, const std::string& rest, bool* known) {
  const bool of_client = rest[0] == 'c';
  const long bytes = std::atol(Rest(rest).c_str());
  *known = true;
  using Holds = std::function<bool(const Seen&)>;
  const struct {
    const char* name;
    Holds holds;
  } kOfOne[] = {
      {"hear", [=](const Seen& seen) { return seen.received >= bytes; }},
      {"unread-at", [=](const Seen& seen) { return seen.unread >= bytes; }},
      {"acked", [](const Seen& seen) { return seen.unacknowledged == 0; }},
      {"arrived", [](const Seen& seen) { return seen.end != 0; }},
      {"broken", [](const Seen& seen) { return seen.end == 2; }},
  };
  for (const auto& row : kOfOne) {
    if (verb != row.name) continue;
    return Until(verb + " " + rest, [&](const Seen& c, const Seen& s) { return row.holds(of_client ? c : s); });
  }
  if (verb == "settle") {
    return Until(verb, [](const Seen& c, const Seen& s) {
      return c.received == s.sent && s.received == c.sent && c.unacknowledged == 0 && s.unacknowledged == 0;
    });
  }
  *known = verb == "told" || verb == "untold";
  Seen seen;
  if (!*known || !Ask(of_client ? &client_ : &server_, &seen)) return false;
  if (seen.told != verb) error_ = "the announcement of the close: " + seen.told + ", expected " + verb;
  return seen.told == verb;
}

bool Run::Connect() {
  if (!Tell(&server_, "listen " + hosts_.address(Host::kServer), &port_)) return false;
  std::string answer;
  if (!Tell(&client_, "connect " + hosts_.address(Host::kServer) + " " + port_, &answer)) return false;
  for (int waited_ms = 0; !server_.accepted && waited_ms < kAnswerMs; waited_ms += kStepMs) Wait(kStepMs);
  if (!server_.accepted || !answer.empty()) error_ = "the peers did not connect";
  return server_.accepted && answer.empty();
}

bool Run::Gone(End* end) {
  int status = 0;
  Listen(end, 0);
  if (!end->process.Wait(kGoneMs, &status)) {
    error_ = "a peer that should have ended lives";
    return false;
  }
  end->gone = true;
  end->how_gone = status < 128 ? "exit " + std::to_string(status) : "signal " + std::to_string(status - 128);
  return true;
}

// Commands of the form c-ip: a tool inside a host, or something done to the peer's process there.
bool Run::DoHost(const std::string& verb, const std::string& rest, bool* known) {
  *known = verb.size() > 2 && verb[1] == '-' && std::strchr("crs", verb[0]) != nullptr;
  if (!*known) return false;
  const Host host = verb[0] == 'c' ? Host::kClient : verb[0] == 'r' ? Host::kRouter : Host::kServer;
  End* end = host == Host::kClient ? &client_ : &server_;
  const std::string what = verb.substr(2);
  const Words words = Split(hosts_.Fill(rest), ' ');
  if (what == "ip") return hosts_.Ip(host, words, &error_);
  if (what == "fw") return hosts_.Firewall(host, words, &error_);
  if (what == "tool") return hosts_.Tool(host, words, &error_);
  if (what == "sysctl") return hosts_.Sysctl(host, words[0], Rest(rest), &error_);
  if (what == "gone") return Gone(end);
  if (what == "reboot") return rebooted_ = true;
  *known = what == "signal";
  if (*known) end->process.Signal(SignalOf(rest));
  return *known;
}

bool Run::DoPeer(const std::string& verb, const std::string& rest, bool* known) {
  const std::string filled = Replaced(hosts_.Fill(rest), "{port}", port_);
  *known = verb == "c" || verb == "s" || verb == "both";
  std::string answer;
  for (End* end : {&client_, &server_}) {
    if (!*known || (end == &client_ ? verb == "s" : verb == "c")) continue;
    if (!Tell(end, filled, &answer)) return false;
    if (filled.compare(0, 5, "close") == 0 && answer != "nothing" && end->saw.empty()) {
      end->closed = true;
      end->told = answer;
    }
    if (filled.find("listen") != std::string::npos) port_ = answer;
  }
  return *known;
}

bool Run::Do(const std::string& command) {
  if (samples::Interrupted()) {
    error_ = "interrupted";
    return false;
  }
  const std::string verb = command.substr(0, command.find(' '));
  const std::string rest = Rest(command);
  bool known = false;
  const bool done = DoPeer(verb, rest, &known);
  if (known) return done;
  const bool host_done = DoHost(verb, rest, &known);
  if (known) return host_done;
  if (verb == "relayed") return rtt_ms_ == 0 || Do(rest);
  const bool waited = DoWaiting(verb, rest, &known);
  if (known) return waited;
  if (verb == "connect") return Connect();
  // Scripts are written for a path without delay: what one step sent has to arrive, and to be answered, before the next.
  if (verb == "wait") return Wait(std::atoi(rest.c_str()) + 2 * rtt_ms_), true;
  if (verb == "await") return Await(rest[0] == 'c' ? &client_ : &server_, std::atoi(Rest(rest).c_str()));
  for (const Shorthand& shorthand : kShorthands) {
    if (verb == shorthand.name) return DoAll(Replaced(shorthand.script, "$1", rest));
  }
  error_ = "no such command: " + verb;
  return false;
}

bool Run::DoAll(const std::string& script) {
  for (const std::string& command : Split(script, ';')) {
    if (!Do(command)) return false;
  }
  return true;
}

// A living peer reports itself; for a dead one the next launch does, on its machine as that is then.
bool Run::Report(End* end) {
  std::string answer;
  if (!end->gone) return Tell(end, "report", &answer);
  samples::Place place;
  if (end == &server_ && rebooted_) {
    place.boot_id_file = settings_.directory + "/other_boot_id";
  }
  PeerSettings settings = end->settings;
  settings.home_network = -1;
  samples::Child launch;
  int number = 0;
  std::string line;
  if (!launch.Start(PeerArguments(settings_.program, settings, true), place, &number) ||
      launch.ReadLine(kAnswerMs, &line) != samples::Child::Read::kLine || line.compare(0, 2, "ok") != 0) {
    error_ = "the next launch did not report: " + line;
    return false;
  }
  return launch.Wait(kGoneMs, &number);
}

std::string Run::Saw(const End& end) const {
  if (!end.saw.empty()) return end.saw;
  if (end.closed) return "closed";
  return end.gone ? end.how_gone : "nothing";
}

void Run::Carry(Outcome* outcome) {
  bool fine = hosts_.Build(experiment_.family, rtt_ms_, &error_) && StartPeer(&server_, Host::kServer) &&
              StartPeer(&client_, Host::kClient);
  fine = fine && DoAll(experiment_.base->script);
  // The client's word alone comes first: the collector has not heard the server yet.
  const std::string& app = client_.settings.app_id;
  const std::string& token = client_.settings.token;
  fine = fine && Report(&client_) && AskCollector(settings_.admin_port, app, token, &outcome->alone, &error_) &&
         Report(&server_) && AskCollector(settings_.admin_port, app, token, &outcome->joined, &error_);
  outcome->client_saw = Saw(client_);
  outcome->server_saw = Saw(server_);
  outcome->told = client_.told;
  if (!fine) outcome->failure = error_.empty() ? "interrupted" : error_;
}

}  // namespace

Outcome RunExperiment(const Experiment& experiment, int number, const LabSettings& settings) {
  Outcome outcome;
  outcome.experiment = experiment;
  Run(experiment, number, settings).Carry(&outcome);
  GradeOutcome(&outcome);
  return outcome;
}

}  // namespace close_lab
