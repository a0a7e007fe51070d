#include "close_lab/game_end.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include "common/net_lab.h"

namespace close_lab {
namespace {

struct Reason {
  const char* name;
  char letter;
  int32_t value;
};
constexpr Reason kReasons[] = {
    {"transfer", 'T', WHYDROP_CLOSE_TRANSFER}, {"kick", 'K', WHYDROP_CLOSE_KICK},
    {"shutdown", 'S', WHYDROP_CLOSE_SHUTDOWN}, {"idle", 'I', WHYDROP_CLOSE_IDLE},
    {"logout", 'L', WHYDROP_CLOSE_LOGOUT},
};

const Reason* FindReason(const std::string& name) {
  for (const Reason& reason : kReasons) {
    if (name == reason.name) return &reason;
  }
  return nullptr;
}

uint64_t NowMs() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

const char* NameOf(int32_t operation) {
  switch (operation) {
    case WHYDROP_OP_CONNECT:
      return "connect";
    case WHYDROP_OP_RESOLVE:
      return "resolve";
    case WHYDROP_OP_SEND:
      return "send";
    default:
      return "recv";
  }
}

}  // namespace

void GameEnd::Open(int32_t protocol) {
  whydrop_conn_info info{};
  info.struct_size = sizeof info;
  info.protocol = protocol;
  info.endpoint = "lab";
  info.token = token_.c_str();
  info.previous = previous_;
  conn_ = whydrop_conn_open(&info);
  udp_ = protocol == WHYDROP_UDP;
}

void GameEnd::Take(net_socket socket) {
  socket_ = socket;
  net_set_nonblocking(socket_);
  whydrop_conn_connected(conn_, socket_);
  received_at_ms_ = NowMs();
}

bool GameEnd::Connect(const std::string& host, const std::string& port, int timeout_ms) {
  server_host_ = host;
  server_port_ = port;
  Open(WHYDROP_TCP);
  net_failure failure{};
  const net_socket socket = net_connect(host.c_str(), port.c_str(), timeout_ms, &failure);
  if (socket == NET_NO_SOCKET) {
    Fail(failure.operation, failure.error);
    return false;
  }
  Take(socket);
  return true;
}

bool GameEnd::Reconnect(int timeout_ms) {
  token_ += ".again";
  return Connect(server_host_, server_port_, timeout_ms);
}

bool GameEnd::OpenUdp(const std::string& host, const std::string& port, bool connected) {
  int error = 0;
  const net_socket socket = net_udp(host.c_str(), port.c_str(), connected ? 1 : 0, &error);
  Open(WHYDROP_UDP);
  if (socket == NET_NO_SOCKET) {
    Fail(WHYDROP_OP_CONNECT, error);
    return false;
  }
  if (!connected) {
    host_ = host;
    port_ = port;
  }
  Take(socket);
  return true;
}

void GameEnd::Accept(net_socket socket) {
  Open(WHYDROP_TCP);
  Take(socket);
}

long GameEnd::Write(const char* data, size_t size, int* error) const {
  if (!host_.empty()) return net_udp_send_to(socket_, host_.c_str(), port_.c_str(), data, size, error);
  return net_send(socket_, data, size, error);
}

bool GameEnd::Send(size_t size) {
  if (!IsOpen()) return false;
  const std::vector<char> data(size, 'x');
  int error = 0;
  const long sent = Write(data.data(), size, &error);
  if (sent == NET_FAILED) {
    // What arrived before the error is read first: it may be the reason.
    while (!udp_ && ReceiveSome() > 0) continue;
    Fail(WHYDROP_OP_SEND, error);
    return false;
  }
  if (sent > 0) {
    sent_ += static_cast<uint64_t>(sent);
    whydrop_conn_sent(conn_, static_cast<uint64_t>(sent));
  }
  return true;
}

size_t GameEnd::SendUntilFull() {
  const uint64_t before = sent_;
  for (;;) {
    const uint64_t so_far = sent_;
    if (!Send(1024) || sent_ == so_far) break;
  }
  return static_cast<size_t>(sent_ - before);
}

// Bytes, or what net_recv says; a failure's number is kept aside.
long GameEnd::ReceiveSome() {
  char data[65536];
  const long count = net_recv(socket_, data, sizeof data, &recv_error_);
  if (count <= 0) return count;
  received_ += static_cast<uint64_t>(count);
  received_at_ms_ = NowMs();
  whydrop_conn_received(conn_, static_cast<uint64_t>(count));
  for (const Reason& reason : kReasons) {
    if (std::memchr(data, reason.letter, static_cast<size_t>(count)) == nullptr) continue;
    announced_ = reason.value;
    told_ = true;
    whydrop_conn_expect_close(conn_, reason.value);
  }
  return count;
}

void GameEnd::Receive() {
  if (!IsOpen()) return;
  long count = 0;
  do {
    count = ReceiveSome();
  } while (count > 0);
  if (count == NET_FAILED) return Fail(WHYDROP_OP_RECV, recv_error_);
  if (count != NET_PEER_CLOSED || udp_) return;
  const whydrop_cause cause = whydrop_conn_peer_closed(conn_);
  Finish("recv", "0", cause, announced_);
}

void GameEnd::Fail(int32_t operation, int error) {
  const whydrop_cause cause = whydrop_conn_failed(conn_, operation, error);
  Finish(NameOf(operation), net_error_name(error), cause, announced_);
}

void GameEnd::Finish(const char* call, const std::string& error, whydrop_cause cause, int32_t reason) {
  std::printf("end %s %s %s\n", call, error.c_str(), whydrop_cause_name(cause));
  std::fflush(stdout);
  (void)whydrop_conn_close(conn_, reason);
  LetGo();
}

void GameEnd::LetGo() {
  if (socket_ != NET_NO_SOCKET) net_close(socket_);
  socket_ = NET_NO_SOCKET;
  previous_ = conn_;
  conn_ = 0;
}

void GameEnd::SetBeat(size_t bytes, uint64_t every_ms) {
  beat_bytes_ = bytes;
  beat_every_ms_ = every_ms;
  beat_at_ms_ = NowMs();
}

void GameEnd::SetPatience(uint64_t ms, const std::string& reason) {
  patience_ms_ = ms;
  patience_reason_ = reason;
  received_at_ms_ = NowMs();
}

bool GameEnd::Announce(const std::string& name) {
  const Reason* reason = FindReason(name);
  if (reason == nullptr || !IsOpen()) return false;
  announced_ = reason->value;
  whydrop_conn_expect_close(conn_, reason->value);
  int error = 0;
  const long sent = Write(&reason->letter, 1, &error);
  if (sent != 1) return false;
  sent_ += 1;
  whydrop_conn_sent(conn_, 1);
  return true;
}

std::string GameEnd::Close(const std::string& name) {
  if (!IsOpen()) return "nothing";
  const Reason* reason = FindReason(name);
  const whydrop_cause cause = whydrop_conn_close(conn_, reason != nullptr ? reason->value : announced_);
  LetGo();
  return whydrop_cause_name(cause);
}

std::string GameEnd::Counts() const {
  const net_view view = IsOpen() ? net_look(socket_) : net_view{0, 0, 2};
  return std::to_string(sent_) + " " + std::to_string(received_) + " " + std::to_string(view.unacknowledged) + " " +
         std::to_string(view.unread) + " " + std::to_string(view.end) + (told_ ? " told" : " untold");
}

void GameEnd::Tick() {
  if (IsOpen() && reading_) Receive();
  const uint64_t now_ms = NowMs();
  if (IsOpen() && beat_every_ms_ != 0 && now_ms >= beat_at_ms_) {
    beat_at_ms_ = now_ms + beat_every_ms_;
    (void)Send(beat_bytes_);
  }
  if (!IsOpen() || patience_ms_ == 0 || now_ms < received_at_ms_ + patience_ms_) return;
  if (const Reason* reason = FindReason(patience_reason_)) {
    const whydrop_cause cause = whydrop_conn_close(conn_, reason->value);
    std::printf("end close %s %s\n", reason->name, whydrop_cause_name(cause));
    std::fflush(stdout);
    LetGo();
    return;
  }
  const whydrop_cause cause = whydrop_conn_failed(conn_, WHYDROP_OP_APP_TIMEOUT, 0);
  Finish("time-out", "own", cause, WHYDROP_CLOSE_NORMAL);
}

}  // namespace close_lab
