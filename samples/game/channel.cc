#include "game/channel.h"

#include <chrono>

namespace game {
namespace {

// A peer that never pauses must not keep the loop from its other work.
constexpr int kReadsPerCall = 16;

}  // namespace

uint64_t NowMs() {
  const auto since_epoch = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
}

Channel::Channel(net_socket socket, whydrop_conn conn) : socket_(socket), conn_(conn), last_received_ms_(NowMs()) {
  net_set_nonblocking(socket_);
  whydrop_conn_connected(conn_, socket_);
}

Channel::~Channel() { Close(WHYDROP_CLOSE_NORMAL); }

void Channel::Send(MessageType type, const std::string& payload) {
  if (finishing_) return;
  backlog_ += EncodeMessage(type, payload);
  Flush();
}

void Channel::Flush() {
  while (state_ == State::kOpen && send_error_ == 0 && !backlog_.empty()) {
    const long sent = net_send(socket_, backlog_.data(), backlog_.size(), &send_error_);
    if (sent < 0) return;  // Full, or failed: Receive reports a failure after what can still be read.
    whydrop_conn_sent(conn_, static_cast<uint64_t>(sent));
    backlog_.erase(0, static_cast<size_t>(sent));
  }
  if (finishing_ && !half_closed_ && backlog_.empty() && state_ == State::kOpen) {
    net_finish_sending(socket_);
    half_closed_ = true;
  }
}

Channel::State Channel::Receive(const Handler& handler) {
  if (state_ != State::kOpen) return state_;
  char data[4096];
  int error = 0;
  long received = NET_WOULD_BLOCK;
  for (int i = 0; i < kReadsPerCall; ++i) {
    received = net_recv(socket_, data, sizeof data, &error);
    if (received <= 0) break;
    whydrop_conn_received(conn_, static_cast<uint64_t>(received));
    reader_.Append(data, static_cast<size_t>(received));
    last_received_ms_ = NowMs();
  }
  Deliver(handler);
  if (state_ != State::kOpen) return state_;
  if (send_error_ != 0) {
    Fail(WHYDROP_OP_SEND, send_error_);
  } else if (received == NET_PEER_CLOSED) {
    verdict_ = whydrop_conn_peer_closed(conn_);
    state_ = State::kPeerClosed;
  } else if (received == NET_FAILED) {
    Fail(WHYDROP_OP_RECV, error);
  }
  return state_;
}

void Channel::Deliver(const Handler& handler) {
  Message message;
  while (state_ == State::kOpen) {
    const MessageReader::Result result = reader_.Next(&message);
    if (result == MessageReader::Result::kIncomplete) return;
    if (result == MessageReader::Result::kBroken) return Fail(WHYDROP_OP_RECV, 0);
    handler(message);
  }
}

void Channel::Announce(int32_t close_reason) {
  announced_ = close_reason;
  whydrop_conn_expect_close(conn_, close_reason);
}

void Channel::FinishSending() {
  finishing_ = true;
  Flush();
}

void Channel::Fail(int32_t operation, int32_t os_error) {
  if (state_ != State::kOpen) return;
  verdict_ = whydrop_conn_failed(conn_, operation, os_error);
  state_ = State::kFailed;
}

void Channel::Close(int32_t close_reason) {
  if (state_ == State::kClosed) return;
  verdict_ = whydrop_conn_close(conn_, close_reason);
  state_ = State::kClosed;
  net_close(socket_);
}

}  // namespace game
