// The game server of the miniature game: one thread, one loop, and a record of every connection's end.
//
// It closes in the order that tells the player's side most: announce the reason, half-close, read until the player's
// end arrives or a deadline passes, record, close. On a wish in the login it does what servers do by mistake instead,
// so that the demonstration can show how each mistake looks from both ends.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "game/channel.h"
#include "game/options.h"

namespace {

using game::Channel;
using game::Message;
using game::MessageType;

constexpr char kUsage[] =
    "usage: game_server [--listen HOST:PORT] [--endpoint LABEL] [--state-dir DIR] [--collector URL]\n"
    "                   [--rotate-ms N] [--silence-ms N] [--no-whydrop]\n"
    "Serves game_client until SIGTERM or SIGINT, then tells the players, uploads and ends. Prints \"listening PORT\".\n"
    "  --listen      default 127.0.0.1:7777\n"
    "  --endpoint    this server's label in the reports, default gate-1\n"
    "  --collector   where reports go, http://127.0.0.1:8787; none: record only\n"
    "  --rotate-ms   how often it reports, default 60000\n"
    "  --silence-ms  when a silent player is given up, default 3000\n"
    "  --no-whydrop  play without it, to compare what it costs\n";

constexpr uint64_t kPingIntervalMs = 1000;
constexpr uint64_t kDrainMs = 2000;
constexpr uint32_t kFlushMs = 60000;  // only a collector that is slow makes use of it
constexpr uint64_t kTickMs = 50;

volatile std::sig_atomic_t stop_requested = 0;
extern "C" void RequestStop(int) { stop_requested = 1; }

enum class Phase {
  kPlaying,
  kDraining,        // announced and half-closed: waits for the player's end
  kAwaitingUnread,  // will close as soon as something lies unread
  kHung             // out of the loop's list: the system acknowledges what arrives, nobody reads it
};

struct Player {
  Player(net_socket socket, whydrop_conn conn) : channel(socket, conn), pinged_ms(game::NowMs()) {}

  Channel channel;
  Phase phase = Phase::kPlaying;
  bool waits_to_send = false;
  std::string wish;
  int pings = 0;
  uint64_t pinged_ms;
  uint64_t deadline_ms = 0;
};

class GameServer {
 public:
  GameServer(net_socket listener, net_poller* poller, const game::Options& options)
      : listener_(listener),
        poller_(poller),
        endpoint_(options.Get("--endpoint", "gate-1")),
        silence_ms_(options.GetNumber("--silence-ms", 3000)) {}

  void Serve();
  void SayGoodbye();

 private:
  using PlayerPtr = std::unique_ptr<Player>;

  void Step();
  void AcceptWaiting();
  void Receive(Player* player);
  void OnMessage(Player* player, const Message& message);
  void GrantWish(Player* player);
  void CloseAnnounced(Player* player, MessageType message, int32_t reason);
  void Tick(Player* player, uint64_t now_ms);
  void Sweep();

  net_socket listener_;
  net_poller* poller_;
  std::string endpoint_;
  uint64_t silence_ms_;
  uint64_t ticked_ms_ = 0;
  std::map<Player*, PlayerPtr> players_;
};

void GameServer::Serve() {
  while (stop_requested == 0) Step();
}

// An orderly end: whoever still plays is told, so that nobody has to guess why the connection ended.
void GameServer::SayGoodbye() {
  net_poller_remove(poller_, listener_);
  net_close(listener_);
  for (auto& entry : players_) CloseAnnounced(entry.first, MessageType::kShutdown, WHYDROP_CLOSE_SHUTDOWN);
  while (!players_.empty()) Step();
}

void GameServer::Step() {
  whydrop_heartbeat();
  net_event events[64];
  const int count = net_poller_wait(poller_, events, 64, static_cast<int>(kTickMs));
  for (int i = 0; i < count; ++i) {
    if (events[i].key == nullptr) {
      AcceptWaiting();
      continue;
    }
    Player* player = static_cast<Player*>(events[i].key);
    if (events[i].writable != 0) player->channel.Flush();
    if (events[i].readable != 0) Receive(player);
  }
  // Not in every round: with ten thousand players a round that looks at each of them would be all that the server does.
  const uint64_t now_ms = game::NowMs();
  if (now_ms - ticked_ms_ < kTickMs) return;
  ticked_ms_ = now_ms;
  for (auto& entry : players_) Tick(entry.first, now_ms);
  Sweep();
}

void GameServer::AcceptWaiting() {
  for (;;) {
    const net_socket socket = net_accept(listener_);
    if (socket == NET_NO_SOCKET) return;
    whydrop_conn_info info{};
    info.struct_size = sizeof info;
    info.protocol = WHYDROP_TCP;
    info.endpoint = endpoint_.c_str();
    PlayerPtr player = std::make_unique<Player>(socket, whydrop_conn_open(&info));
    if (net_poller_add(poller_, socket, player.get()) != 0) continue;
    Player* key = player.get();
    players_[key] = std::move(player);
  }
}

void GameServer::Receive(Player* player) {
  if (player->phase == Phase::kAwaitingUnread) return player->channel.Close(WHYDROP_CLOSE_NORMAL);
  const Channel::State state =
      player->channel.Receive([this, player](const Message& message) { OnMessage(player, message); });
  if (state == Channel::State::kPeerClosed || state == Channel::State::kFailed) {
    player->channel.Close(player->channel.announced());
  }
}

void GameServer::OnMessage(Player* player, const Message& message) {
  Channel& channel = player->channel;
  switch (message.type) {
    case MessageType::kLogin: {
      const size_t cut = message.payload.find('\n');
      whydrop_conn_set_token(channel.conn(), message.payload.substr(0, cut).c_str());
      if (cut != std::string::npos) player->wish = message.payload.substr(cut + 1);
      channel.Send(MessageType::kWelcome, "");
      break;
    }
    case MessageType::kPing:
      channel.Send(MessageType::kPong, message.payload);
      if (++player->pings == game::kPingsBeforeWish) GrantWish(player);
      break;
    case MessageType::kMove:
      channel.Send(MessageType::kState, message.payload);
      break;
    case MessageType::kLogout:
      channel.Announce(WHYDROP_CLOSE_LOGOUT);
      break;
    default:  // Pongs need no more than to arrive; what a newer client says is skipped.
      break;
  }
}

void GameServer::GrantWish(Player* player) {
  Channel& channel = player->channel;
  if (player->wish == "close") channel.Close(WHYDROP_CLOSE_NORMAL);
  if (player->wish == "close_unread") player->phase = Phase::kAwaitingUnread;
  if (player->wish == "linger0") {
    net_set_linger_zero(channel.socket());
    channel.Close(WHYDROP_CLOSE_NORMAL);
  }
  if (player->wish == "transfer") CloseAnnounced(player, MessageType::kTransfer, WHYDROP_CLOSE_TRANSFER);
  if (player->wish == "kick") CloseAnnounced(player, MessageType::kKick, WHYDROP_CLOSE_KICK);
  if (player->wish == "hang") {
    net_poller_remove(poller_, channel.socket());
    player->phase = Phase::kHung;
  }
  if (player->wish == "die") std::abort();
}

void GameServer::CloseAnnounced(Player* player, MessageType message, int32_t reason) {
  player->channel.Announce(reason);
  player->channel.Send(message, "");
  player->channel.FinishSending();
  player->phase = Phase::kDraining;
  player->deadline_ms = game::NowMs() + kDrainMs;
}

void GameServer::Tick(Player* player, uint64_t now_ms) {
  Channel& channel = player->channel;
  if (channel.state() != Channel::State::kOpen) return;
  if (player->phase == Phase::kDraining) {
    if (now_ms >= player->deadline_ms) channel.Close(channel.announced());
    return;
  }
  if (player->phase != Phase::kPlaying) return;
  if (now_ms - channel.last_received_ms() >= silence_ms_) {
    channel.Fail(WHYDROP_OP_APP_TIMEOUT, 0);
    return channel.Close(WHYDROP_CLOSE_NORMAL);
  }
  if (now_ms - player->pinged_ms >= kPingIntervalMs) {
    player->pinged_ms = now_ms;
    channel.Send(MessageType::kPing, game::EncodeNumber(now_ms));
  }
  if (player->waits_to_send != channel.has_backlog()) {
    player->waits_to_send = channel.has_backlog();
    (void)net_poller_change(poller_, channel.socket(), player, player->waits_to_send ? 1 : 0);
  }
}

// Players leave the list only here, so that no event of the same round finds one gone.
void GameServer::Sweep() {
  for (auto entry = players_.begin(); entry != players_.end();) {
    entry = entry->first->channel.state() == Channel::State::kClosed ? players_.erase(entry) : std::next(entry);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const game::Options options(argc, argv, kUsage);
  const game::Address address = game::SplitAddress(options.Get("--listen", "127.0.0.1:7777"));
  int error = 0;
  const net_socket listener = net_listen(address.host.c_str(), address.port.c_str(), &error);
  if (listener == NET_NO_SOCKET) {
    std::fprintf(stderr, "game_server: cannot listen on %s:%s: %s\n", address.host.c_str(), address.port.c_str(),
                 std::strerror(error));
    return 1;
  }
  net_poller* poller = net_poller_create();
  if (poller == nullptr || net_poller_add(poller, listener, nullptr) != 0) {
    std::fprintf(stderr, "game_server: the system gives no epoll descriptor\n");
    return 1;
  }
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.role = WHYDROP_ROLE_SERVER;
  config.rotate_interval_ms = options.GetNumber("--rotate-ms", WHYDROP_DEFAULT);
  // Without whydrop every call of it does nothing, which is what its cost is measured against.
  if (!options.Has("--no-whydrop")) game::StartWhydrop(options, config);
  whydrop_set_tag("server", options.Get("--endpoint", "gate-1").c_str());
  std::signal(SIGTERM, RequestStop);
  std::signal(SIGINT, RequestStop);
  std::printf("listening %d\n", net_local_port(listener));
  std::fflush(stdout);

  GameServer server(listener, poller, options);
  server.Serve();
  server.SayGoodbye();
  const whydrop_result flushed = options.Has("--collector") ? whydrop_flush(kFlushMs) : WHYDROP_OK;
  if (flushed != WHYDROP_OK) std::fprintf(stderr, "game_server: reports wait for the next start (%d)\n", flushed);
  whydrop_stop();
  net_poller_destroy(poller);
  return 0;
}
