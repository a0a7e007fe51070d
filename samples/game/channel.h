// One connection of the game, client or server side: messages over a non-blocking socket, and everything that whydrop
// wants to know about it. This is the file to read for an integration; the rest of the game never reports a socket.
//
// Two habits make its records worth reading:
//  - The end of a stream is reported after the messages that arrived before it were handled. A farewell ("you are
//    transferred") is often readable when the socket already carries an error, and it explains that error.
//  - The first error is kept, whether send or recv met it: the second call gets another one, or a clean-looking end.
//
// Not thread-safe.
#ifndef SAMPLES_GAME_CHANNEL_H
#define SAMPLES_GAME_CHANNEL_H

#include <cstdint>
#include <functional>
#include <string>

#include "common/net.h"
#include "game/protocol.h"
#include "whydrop/whydrop.h"

namespace game {

// Milliseconds of a monotonic clock.
uint64_t NowMs();

class Channel {
 public:
  using Handler = std::function<void(const Message&)>;
  enum class State { kOpen, kPeerClosed, kFailed, kClosed };

  // Takes the socket over. `conn` was opened by the caller.
  Channel(net_socket socket, whydrop_conn conn);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Queues a message and sends what the socket takes.
  void Send(MessageType type, const std::string& payload);
  void Flush();
  bool has_backlog() const { return !backlog_.empty(); }

  // Reads what has arrived, hands each message to `handler`, then reports the end if there was one. The handler may
  // close the channel; no message follows then.
  State Receive(const Handler& handler);

  // A close is coming and both ends know why.
  void Announce(int32_t close_reason);
  // Half-close, once everything queued is sent; later messages are dropped. The peer's answer to it is its own end,
  // kPeerClosed.
  void FinishSending();
  // An error that the socket does not know of: the game's own time-out, a broken message.
  void Fail(int32_t operation, int32_t os_error);
  // Ends the record, then the socket. Later calls do nothing.
  void Close(int32_t close_reason);

  net_socket socket() const { return socket_; }
  whydrop_conn conn() const { return conn_; }
  State state() const { return state_; }
  // The reason that was announced, WHYDROP_CLOSE_NORMAL if none.
  int32_t announced() const { return announced_; }
  // What whydrop says of the end so far.
  whydrop_cause verdict() const { return verdict_; }
  uint64_t last_received_ms() const { return last_received_ms_; }

 private:
  void Deliver(const Handler& handler);

  net_socket socket_;
  whydrop_conn conn_;
  State state_ = State::kOpen;
  MessageReader reader_;
  std::string backlog_;
  bool finishing_ = false;  // no more is queued
  bool half_closed_ = false;
  int send_error_ = 0;
  int32_t announced_ = WHYDROP_CLOSE_NORMAL;
  whydrop_cause verdict_ = WHYDROP_CAUSE_UNKNOWN;
  uint64_t last_received_ms_;
};

}  // namespace game

#endif
