// Many players in one process, to put a load on a game server: each has its own connection, logs in with a token of its
// own and pings as fast as it is told to, but waits for the answer before it pings again.
//
// It prints one line per turn of events, for the test that drives it: "connected N" when every login was taken,
// "settled" when everybody who does not stay has left, "ended" when no connection is left.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "game/channel.h"
#include "game/options.h"
#include "game/protocol.h"

namespace {

using game::Channel;
using game::Message;
using game::MessageType;

constexpr char kUsage[] =
    "usage: game_crowd --players N --token PREFIX [--kicked N] [--closed N] [--leaving N] [--ping-ms N]\n"
    "                  [--connect HOST:PORT] [--endpoint LABEL] [--state-dir DIR] [--collector URL]\n"
    "       game_crowd --relaunch [--state-dir DIR] [--collector URL]\n"
    "Plays until the server has ended every connection; --relaunch only uploads what was kept.\n"
    "  --token      player I logs in with PREFIX-I\n"
    "  --kicked     so many players, from 0 on, are thrown out after three pings\n"
    "  --closed     of the next ones the server just closes the connection\n"
    "  --leaving    the next ones log out; whoever is left stays\n"
    "  --ping-ms    pause between two pings of a player, default 1000\n"
    "  --connect    default 127.0.0.1:7777\n"
    "  --collector  where reports go, http://127.0.0.1:8787; none: record only\n";

// As much as a client may have, and room for the record of every player's end.
constexpr uint32_t kRingBytes = 1 << 20;
constexpr uint32_t kMostPlayers = 512;
constexpr int kConnectMs = 30000;
constexpr int kPongsBeforeLogout = 3;
constexpr uint64_t kDrainMs = 10000;
constexpr uint64_t kTickMs = 50;

struct Player {
  Player(net_socket socket, whydrop_conn conn) : channel(socket, conn) {}

  Channel channel;
  bool stays = true;
  bool leaves = false;
  bool is_closed_on = false;  // at its last ping
  int pongs = 0;
  bool awaits_pong = false;
  uint64_t pinged_ms = 0;
  uint64_t deadline_ms = 0;  // 0: not draining
};

class Crowd {
 public:
  Crowd(net_poller* poller, const game::Options& options)
      : poller_(poller), options_(options), ping_ms_(options.GetNumber("--ping-ms", 1000)) {}

  bool Connect();
  void Play();

 private:
  bool ConnectOne(uint32_t number);
  std::string WishOf(uint32_t number) const;
  void Receive(Player* player);
  void OnMessage(Player* player, const Message& message);
  void Tick(Player* player, uint64_t now_ms);
  void TellProgress();

  net_poller* poller_;
  const game::Options& options_;
  const uint64_t ping_ms_;
  std::vector<std::unique_ptr<Player>> players_;
  size_t welcomed_ = 0, left_ = 0, staying_left_ = 0, told_ = 0;
};

std::string Crowd::WishOf(uint32_t number) const {
  const uint32_t kicked = options_.GetNumber("--kicked", 0);
  if (number < kicked) return "kick";
  return number < kicked + options_.GetNumber("--closed", 0) ? "close" : "";
}

bool Crowd::ConnectOne(uint32_t number) {
  const game::Address address = game::SplitAddress(options_.Get("--connect", "127.0.0.1:7777"));
  const std::string token = options_.Get("--token", "") + "-" + std::to_string(number);
  const std::string endpoint = options_.Get("--endpoint", "gate-1");
  const std::string wish = WishOf(number);
  whydrop_conn_info info{};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  info.endpoint = endpoint.c_str();
  info.token = token.c_str();
  const whydrop_conn conn = whydrop_conn_open(&info);
  net_failure failure{};
  const net_socket socket = net_connect(address.host.c_str(), address.port.c_str(), kConnectMs, &failure);
  if (socket == NET_NO_SOCKET) {
    std::fprintf(stderr, "game_crowd: player %u cannot connect (%d)\n", number, failure.error);
    whydrop_conn_failed(conn, failure.operation, failure.error);
    whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
    return false;
  }
  players_.push_back(std::make_unique<Player>(socket, conn));
  Player* player = players_.back().get();
  const uint32_t thrown_out = options_.GetNumber("--kicked", 0) + options_.GetNumber("--closed", 0);
  player->leaves = wish.empty() && number < thrown_out + options_.GetNumber("--leaving", 0);
  player->is_closed_on = game::ClosesAtOnce(wish);
  player->stays = wish.empty() && !player->leaves;
  player->channel.Send(MessageType::kLogin, token + "\n" + wish);
  return net_poller_add(poller_, socket, player) == 0;
}

bool Crowd::Connect() {
  const uint32_t count = options_.GetNumber("--players", 1);
  for (uint32_t i = 0; i < count; ++i) {
    if (!ConnectOne(i)) return false;
  }
  return true;
}

void Crowd::Play() {
  uint64_t ticked_ms = 0;
  while (left_ < players_.size()) {
    whydrop_heartbeat();
    net_event events[64];
    const int count = net_poller_wait(poller_, events, 64, static_cast<int>(kTickMs));
    for (int i = 0; i < count; ++i) Receive(static_cast<Player*>(events[i].key));
    const uint64_t now_ms = game::NowMs();
    if (now_ms - ticked_ms >= kTickMs) {
      ticked_ms = now_ms;
      for (const auto& player : players_) Tick(player.get(), now_ms);
    }
    TellProgress();
  }
}

void Crowd::TellProgress() {
  if (told_ == 0 && welcomed_ == players_.size()) {
    std::printf("connected %zu\n", welcomed_);
    told_ = 1;
  }
  size_t going = 0;
  for (const auto& player : players_) going += player->stays ? 0 : 1;
  if (told_ == 1 && left_ - staying_left_ == going) {
    std::puts("settled");
    told_ = 2;
  }
  if (left_ == players_.size()) std::puts("ended");
  std::fflush(stdout);
}

void Crowd::Receive(Player* player) {
  Channel& channel = player->channel;
  const Channel::State state = channel.Receive([this, player](const Message& message) { OnMessage(player, message); });
  if (state == Channel::State::kOpen) return;
  channel.Close(channel.announced());
  ++left_;
  if (player->stays) ++staying_left_;
}

void Crowd::OnMessage(Player* player, const Message& message) {
  if (message.type == MessageType::kWelcome) ++welcomed_;
  if (message.type == MessageType::kKick) player->channel.Announce(WHYDROP_CLOSE_KICK);
  if (message.type == MessageType::kShutdown) player->channel.Announce(WHYDROP_CLOSE_SHUTDOWN);
  if (message.type != MessageType::kPong) return;  // A server's ping needs no answer: the own ones show life.
  player->awaits_pong = false;
  if (++player->pongs != kPongsBeforeLogout || !player->leaves) return;
  player->channel.Announce(WHYDROP_CLOSE_LOGOUT);
  player->channel.Send(MessageType::kLogout, "");
  player->channel.FinishSending();
  player->deadline_ms = game::NowMs() + kDrainMs;
}

void Crowd::Tick(Player* player, uint64_t now_ms) {
  Channel& channel = player->channel;
  if (channel.state() != Channel::State::kOpen) return;
  if (player->deadline_ms != 0) {
    if (now_ms < player->deadline_ms) return;
    channel.Close(channel.announced());
    ++left_;
  } else if (player->is_closed_on && player->pongs == game::kPingsBeforeWish) {
    return;
  } else if (!player->awaits_pong && now_ms - player->pinged_ms >= ping_ms_) {
    player->awaits_pong = true;
    player->pinged_ms = now_ms;
    channel.Send(MessageType::kPing, game::EncodeNumber(now_ms));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const game::Options options(argc, argv, kUsage);
  if (options.GetNumber("--players", 1) > kMostPlayers) {
    std::fprintf(stderr, "game_crowd: at most %u players in one process; start more of them\n", kMostPlayers);
    return 2;
  }
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.ring_bytes = kRingBytes;
  config.max_connections = kMostPlayers;
  game::StartWhydrop(options, config);
  int status = 0;
  if (options.Has("--relaunch")) {
    status = game::Relaunch();
  } else {
    net_poller* poller = net_poller_create();
    Crowd crowd(poller, options);
    status = poller != nullptr && crowd.Connect() ? 0 : 1;
    if (status == 0) crowd.Play();
  }
  whydrop_stop();
  return status;
}
