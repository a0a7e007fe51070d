// A game in miniature: a frame loop at 60 Hz, one connection, and an end that the command line chooses.
//
// Its next launch (--relaunch) uploads what whydrop kept of this one. It prints one word per turn of events, for the
// demonstration that drives it: "playing", "hanging", "ended CAUSE".
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "game/channel.h"
#include "game/options.h"
#include "game/scenario.h"

namespace {

using game::Act;
using game::Channel;
using game::Message;
using game::MessageType;

constexpr char kUsage[] =
    "usage: game_client --scenario NAME [--connect HOST:PORT] [--token TOKEN] [--endpoint LABEL] [--network LABEL]\n"
    "                   [--silence-ms N] [--unread] [--deny-consent] [--state-dir DIR] [--collector URL]\n"
    "       game_client --relaunch [--deny-consent] [--state-dir DIR] [--collector URL]\n"
    "Plays until the scenario ends it; --relaunch only uploads what was kept and says how the last session ended.\n"
    "  --connect     default 127.0.0.1:7777\n"
    "  --token       what client and server know of this one connection, default: none\n"
    "  --silence-ms  when a silent server is given up, default 3000\n"
    "  --unread      die with a message of the server unread: the server then gets a reset instead of an end\n"
    "  --collector   where reports go, http://127.0.0.1:8787; none: record only\n";

constexpr std::chrono::microseconds kFrame(1000000 / 60);
constexpr uint64_t kPingIntervalMs = 400;
constexpr uint64_t kMoveIntervalMs = 200;
constexpr uint64_t kDrainMs = 2000;
constexpr int kConnectMs = 5000;
// The scenario begins when this many pings were answered, after about half a second.
constexpr int kPongsBeforeAct = 2;

uint64_t NowUs() {
  const auto since_epoch = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count());
}

void Say(const std::string& words) {
  std::printf("%s\n", words.c_str());
  std::fflush(stdout);
}

class GameClient {
 public:
  GameClient(const game::Scenario& scenario, const game::Options& options)
      : scenario_(scenario), options_(options), silence_ms_(options.GetNumber("--silence-ms", 3000)) {}

  // Plays to the end of the connection, or of the process.
  void Play();

 private:
  bool Connect();
  void Frame();
  void OnMessage(const Message& message);
  void SendWhatIsDue();
  void Perform();
  void Logout();
  void LeaveConnection();
  bool IsSilent() const { return pings_ == game::kPingsBeforeWish && game::ClosesAtOnce(scenario_.wish); }

  const game::Scenario& scenario_;
  const game::Options& options_;
  const uint64_t silence_ms_;
  std::unique_ptr<Channel> channel_;
  int pongs_ = 0;
  bool performed_ = false;
  int pings_ = 0;
  uint64_t pinged_ms_ = 0;
  uint64_t moved_ms_ = 0;
  uint64_t drain_deadline_ms_ = 0;  // 0: not draining
};

void GameClient::Play() {
  if (!Connect()) return;
  auto next_frame = std::chrono::steady_clock::now();
  while (channel_->state() == Channel::State::kOpen) {
    whydrop_heartbeat();
    Frame();
    if (pongs_ >= kPongsBeforeAct && !performed_) Perform();
    next_frame += kFrame;
    std::this_thread::sleep_until(next_frame);
  }
  LeaveConnection();
}

bool GameClient::Connect() {
  const game::Address address = game::SplitAddress(options_.Get("--connect", "127.0.0.1:7777"));
  const std::string endpoint = options_.Get("--endpoint", "gate-1");
  const std::string network = options_.Get("--network", "home-1");
  const std::string token = options_.Get("--token", "");
  whydrop_conn_info info{};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  info.endpoint = endpoint.c_str();
  info.network = network.c_str();
  info.token = token.empty() ? nullptr : token.c_str();
  const whydrop_conn conn = whydrop_conn_open(&info);

  net_failure failure{};
  const net_socket socket = net_connect(address.host.c_str(), address.port.c_str(), kConnectMs, &failure);
  if (socket == NET_NO_SOCKET) {
    whydrop_conn_failed(conn, failure.operation, failure.error);
    Say(std::string("ended ") + whydrop_cause_name(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL)));
    return false;
  }
  // The system's own limit stands behind the game's, for the time when the game does not look.
  net_set_silence_limit(socket, static_cast<int>(2 * silence_ms_));
  channel_ = std::make_unique<Channel>(socket, conn);
  channel_->Send(MessageType::kLogin, token + "\n" + scenario_.wish);
  return true;
}

void GameClient::Frame() {
  channel_->Receive([this](const Message& message) { OnMessage(message); });
  if (channel_->state() != Channel::State::kOpen) return;
  if (drain_deadline_ms_ != 0) {
    if (game::NowMs() >= drain_deadline_ms_) channel_->Close(channel_->announced());
    return;
  }
  SendWhatIsDue();
  if (game::NowMs() - channel_->last_received_ms() >= silence_ms_) channel_->Fail(WHYDROP_OP_APP_TIMEOUT, 0);
}

void GameClient::OnMessage(const Message& message) {
  switch (message.type) {
    case MessageType::kPing:
      if (!IsSilent()) channel_->Send(MessageType::kPong, message.payload);
      break;
    case MessageType::kPong:
      whydrop_conn_rtt(channel_->conn(), static_cast<uint32_t>(NowUs() - game::DecodeNumber(message.payload)));
      if (++pongs_ == kPongsBeforeAct) Say("playing");
      break;
    case MessageType::kTransfer:
      channel_->Announce(WHYDROP_CLOSE_TRANSFER);
      break;
    case MessageType::kKick:
      channel_->Announce(WHYDROP_CLOSE_KICK);
      break;
    case MessageType::kShutdown:
      channel_->Announce(WHYDROP_CLOSE_SHUTDOWN);
      break;
    default:  // Welcome and state would be drawn; what a newer server says is skipped.
      break;
  }
}

void GameClient::SendWhatIsDue() {
  if (IsSilent()) return;
  const uint64_t now_ms = game::NowMs();
  if (now_ms - moved_ms_ >= kMoveIntervalMs) {
    moved_ms_ = now_ms;
    channel_->Send(MessageType::kMove, "north");
  }
  // The last of a frame: a server that ends the connection at a ping finds nothing unread.
  if (now_ms - pinged_ms_ >= kPingIntervalMs) {
    pinged_ms_ = now_ms;
    ++pings_;
    channel_->Send(MessageType::kPing, game::EncodeNumber(NowUs()));
  }
}

void GameClient::Perform() {
  performed_ = true;
  if (scenario_.act == Act::kPlayOn || scenario_.act == Act::kFreezeAfterFailure) return;
  if (scenario_.act == Act::kLogout) return Logout();
  if (scenario_.act == Act::kHang) Say("hanging");
  if (options_.Has("--unread")) (void)net_wait_readable(channel_->socket(), static_cast<int>(silence_ms_));
  game::EndProcess(scenario_.act);
}

// The order that leaves both ends without a doubt: announce, half-close, read until the server's own end or the
// deadline, and only then record and close.
void GameClient::Logout() {
  channel_->Announce(WHYDROP_CLOSE_LOGOUT);
  channel_->Send(MessageType::kLogout, "");
  channel_->FinishSending();
  drain_deadline_ms_ = game::NowMs() + kDrainMs;
}

void GameClient::LeaveConnection() {
  Say(std::string("ended ") + whydrop_cause_name(channel_->verdict()));
  if (scenario_.act == Act::kFreezeAfterFailure) game::EndProcess(Act::kFreezeAfterFailure);
  channel_->Close(channel_->announced());
}

}  // namespace

int main(int argc, char** argv) {
  const game::Options options(argc, argv, std::string(kUsage) + "Scenarios: " + game::ScenarioNames() + "\n");
  const game::Scenario* scenario = game::FindScenario(options.Get("--scenario", ""));
  if (scenario == nullptr && !options.Has("--relaunch")) {
    std::fprintf(stderr, "game_client: --scenario must be one of: %s\n", game::ScenarioNames().c_str());
    return 2;
  }
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.consent = options.Has("--deny-consent") ? WHYDROP_CONSENT_DENIED : WHYDROP_CONSENT_GRANTED;
  game::StartWhydrop(options, config);
  int status = 0;
  if (options.Has("--relaunch")) {
    status = game::Relaunch();
  } else {
    whydrop_set_tag("scenario", scenario->name);
    GameClient(*scenario, options).Play();
  }
  whydrop_stop();
  return status;
}
