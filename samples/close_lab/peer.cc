#include "close_lab/peer.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "close_lab/game_end.h"
#include "close_lab/report.h"
#include "common/child.h"
#include "common/net_lab.h"

namespace close_lab {
namespace {

constexpr int kTickMs = 10;
constexpr int kConnectMs = 15000;
constexpr size_t kMaxSend = 1 << 20;

using Words = std::vector<std::string>;

Words Split(const std::string& text) {
  std::istringstream stream(text);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

int Number(const Words& words, size_t index, int otherwise) {
  return index < words.size() ? std::atoi(words[index].c_str()) : otherwise;
}
std::string Word(const Words& words, size_t index) { return index < words.size() ? words[index] : std::string(); }

// The game's own crash handler: it marks the crash, keeps the process for a while as a crash reporter does, and lets it
// die.
extern "C" void ReportCrash(int number) {
  constexpr int kReporterMs = 2500;
  whydrop_mark_crash(static_cast<uint32_t>(number), "lab-report");
  samples::Pause(kReporterMs);
  std::signal(number, SIG_DFL);
  std::raise(number);
}

// The commands of a peer, and the loop in which they are carried out.
class Peer {
 public:
  explicit Peer(const PeerSettings& settings) : settings_(settings), game_(settings.token) {}
  int Run();

 private:
  using Command = std::string (Peer::*)(const Words&);

  std::string Do(const std::string& line);
  bool TakeInput();

  std::string Listen(const Words& words);
  std::string Accept(const Words& words);
  std::string Connect(const Words& words);
  std::string Reconnect(const Words& words);
  std::string Udp(const Words& words);
  std::string UdpListen(const Words& words);
  std::string FillBacklog(const Words& words);
  std::string Stray(const Words& words);
  std::string SetOption(const Words& words);
  std::string Send(const Words& words);
  std::string SendFull(const Words& words);
  std::string Beat(const Words& words);
  std::string Read(const Words& words);
  std::string TakeError(const Words& words);
  std::string Patience(const Words& words);
  std::string Announce(const Words& words);
  std::string HalfClose(const Words& words);
  std::string Close(const Words& words);
  std::string Freeze(const Words& words);
  std::string End(const Words& words);
  std::string Seen(const Words& words);
  std::string Report(const Words& words);

  static const std::map<std::string, Command>& Commands();

  PeerSettings settings_;
  GameEnd game_;
  net_socket listener_ = NET_NO_SOCKET;
  net_socket echo_ = NET_NO_SOCKET;
  std::vector<net_socket> strangers_;
  std::string input_;
  bool running_ = true;
  bool accepting_ = true;
};

// listen HOST [BACKLOG]            takes a free port and tells it
// accept on|off
// connect HOST PORT [TIMEOUT_MS]
// reconnect                        to the same server, after the connection has ended
// udp HOST PORT [unconnected]      a connection of datagrams
// udp-listen HOST                  sends every datagram back, tells its port
// fill-backlog HOST PORT COUNT     connections that nobody will accept
// stray HOST PORT BYTES            a datagram that belongs to no connection
// opt NAME VALUE                   ut ka-idle ka-between ka-probes errors df sndbuf linger0
// send BYTES [COUNT [EVERY_MS]]    without looking at what comes in
// send-full                        until the socket takes no more
// beat BYTES EVERY_MS              from now on; 0 0 stops
// read on|off|now                  now: everything until the end
// take-error                       SO_ERROR, not reported
// patience MS [REASON]             closes when nothing came for so long, because of its time-out or for REASON
// announce REASON                  transfer kick shutdown idle logout
// half-close
// close [REASON]
// freeze                           the main loop stops, the process lives
// end exit|exit-note|_exit|segv|segv-reporter|abort
// seen                             bytes sent, received, not acknowledged and unread, the end (net_look) and whether a
//                                  close was announced to it
// report                           to the collector, while it lives
// stop                             an orderly end of the process
const std::map<std::string, Peer::Command>& Peer::Commands() {
  static const std::map<std::string, Command> kCommands = {
      {"listen", &Peer::Listen},
      {"accept", &Peer::Accept},
      {"connect", &Peer::Connect},
      {"reconnect", &Peer::Reconnect},
      {"udp", &Peer::Udp},
      {"udp-listen", &Peer::UdpListen},
      {"fill-backlog", &Peer::FillBacklog},
      {"stray", &Peer::Stray},
      {"opt", &Peer::SetOption},
      {"send", &Peer::Send},
      {"send-full", &Peer::SendFull},
      {"beat", &Peer::Beat},
      {"read", &Peer::Read},
      {"take-error", &Peer::TakeError},
      {"patience", &Peer::Patience},
      {"announce", &Peer::Announce},
      {"half-close", &Peer::HalfClose},
      {"close", &Peer::Close},
      {"freeze", &Peer::Freeze},
      {"end", &Peer::End},
      {"seen", &Peer::Seen},
      {"report", &Peer::Report},
  };
  return kCommands;
}

std::string Peer::Do(const std::string& line) {
  const Words words = Split(line);
  if (words.empty()) return "no command";
  if (words[0] == "stop") {
    running_ = false;
    return "ok";
  }
  const auto found = Commands().find(words[0]);
  return found == Commands().end() ? "no such command: " + words[0] : (this->*found->second)(words);
}

std::string Peer::Listen(const Words& words) {
  int error = 0;
  listener_ = net_listen(Word(words, 1).c_str(), "0", &error);
  if (listener_ == NET_NO_SOCKET) return std::string("no ") + net_error_name(error);
  if (words.size() > 2) net_set_backlog(listener_, Number(words, 2, 0));
  return "ok " + std::to_string(net_local_port(listener_));
}

std::string Peer::Accept(const Words& words) {
  accepting_ = Word(words, 1) == "on";
  return "ok";
}

std::string Peer::Connect(const Words& words) {
  return game_.Connect(Word(words, 1), Word(words, 2), Number(words, 3, kConnectMs)) ? "ok" : "ok failed";
}

std::string Peer::Reconnect(const Words&) { return game_.Reconnect(kConnectMs) ? "ok" : "ok failed"; }

std::string Peer::Udp(const Words& words) {
  return game_.OpenUdp(Word(words, 1), Word(words, 2), Word(words, 3) != "unconnected") ? "ok" : "no socket";
}

std::string Peer::UdpListen(const Words& words) {
  int error = 0;
  echo_ = net_udp_listen(Word(words, 1).c_str(), "0", &error);
  if (echo_ == NET_NO_SOCKET) return std::string("no ") + net_error_name(error);
  return "ok " + std::to_string(net_local_port(echo_));
}

std::string Peer::FillBacklog(const Words& words) {
  for (int i = 0; i < Number(words, 3, 1); ++i) {
    strangers_.push_back(net_begin_connect(Word(words, 1).c_str(), Word(words, 2).c_str()));
  }
  // Any of them stands in the queue as soon as it can send. Which one comes first is not said.
  int error = 0;
  for (int waited_ms = 0; waited_ms < kConnectMs; waited_ms += kTickMs) {
    for (net_socket& stranger : strangers_) {
      const long sent = net_send(stranger, "x", 1, &error);
      if (sent > 0) return "ok";
      if (sent != NET_FAILED) continue;
      // A new IPv6 address may not be reachable yet.
      net_close(stranger);
      stranger = net_begin_connect(Word(words, 1).c_str(), Word(words, 2).c_str());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kTickMs));
  }
  return std::string("no: nobody connected, ") + net_error_name(error);
}

std::string Peer::Stray(const Words& words) {
  int error = 0;
  const net_socket socket = net_udp(Word(words, 1).c_str(), Word(words, 2).c_str(), 1, &error);
  if (socket == NET_NO_SOCKET) return std::string("no ") + net_error_name(error);
  const std::string data(static_cast<size_t>(Number(words, 3, 1)), 'x');
  (void)net_set_option(socket, NET_DONT_FRAGMENT, 0);
  const long sent = net_send(socket, data.data(), data.size(), &error);
  net_close(socket);
  return sent > 0 ? "ok" : std::string("no ") + net_error_name(error);
}

std::string Peer::SetOption(const Words& words) {
  static const std::map<std::string, net_option> kOptions = {
      {"ut", NET_USER_TIMEOUT_MS},         {"ka-idle", NET_KEEPALIVE_IDLE_S}, {"ka-between", NET_KEEPALIVE_BETWEEN_S},
      {"ka-probes", NET_KEEPALIVE_PROBES}, {"errors", NET_ERROR_QUEUE},       {"df", NET_DONT_FRAGMENT},
      {"sndbuf", NET_SEND_BUFFER_BYTES},
  };
  if (Word(words, 1) == "linger0") {
    net_set_linger_zero(game_.socket());
    return "ok";
  }
  const auto found = kOptions.find(Word(words, 1));
  if (found == kOptions.end()) return "no such option: " + Word(words, 1);
  const int error = net_set_option(game_.socket(), found->second, Number(words, 2, 0));
  return error == 0 ? "ok" : std::string("no ") + net_error_name(error);
}

std::string Peer::Send(const Words& words) {
  const size_t size = static_cast<size_t>(Number(words, 1, 1));
  const int count = Number(words, 2, 1);
  if (size > kMaxSend) return "no: too much at once";
  for (int i = 0; i < count && game_.Send(size); ++i) {
    if (i + 1 < count) std::this_thread::sleep_for(std::chrono::milliseconds(Number(words, 3, 0)));
  }
  return "ok";
}

std::string Peer::SendFull(const Words&) { return "ok " + std::to_string(game_.SendUntilFull()); }

std::string Peer::Beat(const Words& words) {
  game_.SetBeat(static_cast<size_t>(Number(words, 1, 0)), static_cast<uint64_t>(Number(words, 2, 0)));
  return "ok";
}

std::string Peer::Read(const Words& words) {
  if (Word(words, 1) == "now") {
    game_.Receive();
  } else {
    game_.SetReading(Word(words, 1) == "on");
  }
  return "ok";
}

std::string Peer::TakeError(const Words&) {
  const int error = net_take_error(game_.socket());
  return std::string("ok ") + (error == 0 ? "none" : net_error_name(error));
}

std::string Peer::Patience(const Words& words) {
  game_.SetPatience(static_cast<uint64_t>(Number(words, 1, 0)), Word(words, 2));
  return "ok";
}

std::string Peer::Announce(const Words& words) { return game_.Announce(Word(words, 1)) ? "ok" : "no: not sent"; }

std::string Peer::HalfClose(const Words&) {
  net_finish_sending(game_.socket());
  return "ok";
}

std::string Peer::Close(const Words& words) { return "ok " + game_.Close(Word(words, 1)); }

std::string Peer::Freeze(const Words&) {
  std::printf("ok\n");
  std::fflush(stdout);
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

std::string Peer::End(const Words& words) {
  const std::string how = Word(words, 1);
  std::printf("ok\n");
  std::fflush(stdout);
  if (how == "exit") std::exit(0);
  if (how == "exit-note") {
    whydrop_note_exit(WHYDROP_EXIT_USER);
    samples::ExitNow(0);
  }
  if (how == "_exit") samples::ExitNow(3);
  if (how == "abort") std::abort();
  if (how == "segv-reporter") std::signal(SIGSEGV, ReportCrash);
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  return "no such end";
}

std::string Peer::Seen(const Words&) { return "ok " + game_.Counts(); }

std::string Peer::Report(const Words&) { return FlushReports() ? "ok" : "no answer of the collector"; }

bool Peer::TakeInput() {
  std::string line;
  while (samples::TakeInputLine(&input_, &line)) {
    const std::string answer = Do(line);
    std::printf("%s\n", answer.c_str());
    std::fflush(stdout);
  }
  return running_;
}

int Peer::Run() {
  while (TakeInput()) {
    whydrop_heartbeat();
    if (accepting_ && listener_ != NET_NO_SOCKET && !game_.IsOpen()) {
      const net_socket socket = net_accept(listener_);
      if (socket != NET_NO_SOCKET) {
        game_.Accept(socket);
        std::printf("accepted\n");
        std::fflush(stdout);
      }
    }
    if (echo_ != NET_NO_SOCKET) (void)net_udp_echo(echo_);
    game_.Tick();
    samples::WaitForInput(kTickMs);
  }
  whydrop_stop();
  return 0;
}

int Relaunch() {
  const bool all = FlushReports();
  whydrop_last_session last{};
  last.struct_size = sizeof last;
  const bool known = whydrop_get_last_session(&last) == WHYDROP_OK;
  if (all) {
    std::printf("ok %s\n", known ? whydrop_cause_name(last.end) : "none");
  } else {
    std::printf("no answer of the collector\n");
  }
  whydrop_stop();
  return all ? 0 : 1;
}

}  // namespace

std::vector<std::string> PeerArguments(const std::string& program, const PeerSettings& settings, bool relaunch) {
  return {program,
          relaunch ? "relaunch" : "peer",
          settings.server ? "server" : "client",
          settings.app_id,
          settings.state_dir,
          settings.token,
          settings.collector_port,
          std::to_string(settings.home_network)};
}

int PeerMain(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "close_lab: peers are started by `close_lab run`\n");
    return 2;
  }
  samples::ForbidCoreFiles();
  PeerSettings settings;
  settings.server = std::strcmp(argv[2], "server") == 0;
  settings.app_id = argv[3];
  settings.state_dir = argv[4];
  settings.token = argv[5];
  settings.collector_port = argv[6];
  settings.home_network = std::atoi(argv[7]);
  if (!StartRecording(settings)) {
    std::printf("no whydrop\n");
    return 1;
  }
  if (std::strcmp(argv[1], "relaunch") == 0) return Relaunch();
  std::printf("ok\n");
  std::fflush(stdout);
  return Peer(settings).Run();
}

}  // namespace close_lab
