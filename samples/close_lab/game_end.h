// One connection as a careful game treats it: it reads before it concludes, reports the first error and nothing after
// it, and tells whydrop before it closes.
//
// The messages of this game are bytes: 'x' is play, and a capital letter says why the sender is going to close.
// Not thread-safe.
#ifndef SAMPLES_CLOSE_LAB_GAME_END_H
#define SAMPLES_CLOSE_LAB_GAME_END_H

#include <cstdint>
#include <string>

#include "common/net.h"
#include "whydrop/whydrop.h"

namespace close_lab {

class GameEnd {
 public:
  explicit GameEnd(const std::string& token) : token_(token) {}

  bool IsOpen() const { return socket_ != NET_NO_SOCKET; }
  net_socket socket() const { return socket_; }

  bool Connect(const std::string& host, const std::string& port, int timeout_ms);
  // As a player does: to the same server again, after the connection has ended.
  bool Reconnect(int timeout_ms);
  bool OpenUdp(const std::string& host, const std::string& port, bool connected);
  void Accept(net_socket socket);

  // False when the connection is over. A full socket is none: the rest is dropped.
  bool Send(size_t size);
  size_t SendUntilFull();
  void Receive();

  void SetBeat(size_t bytes, uint64_t every_ms);
  void SetReading(bool reading) { reading_ = reading; }
  // `reason` is empty for an error of the game's own: no answer.
  void SetPatience(uint64_t ms, const std::string& reason);
  bool Announce(const std::string& reason);
  // A close was announced to this end.
  bool WasTold() const { return told_; }
  // Closes; the verdict's name.
  std::string Close(const std::string& reason);
  std::string Counts() const;

  // Once a frame: beats, reads, loses patience.
  void Tick();

 private:
  void Open(int32_t protocol);
  void Take(net_socket socket);
  long ReceiveSome();
  void Fail(int32_t operation, int error);
  void Finish(const char* call, const std::string& error, whydrop_cause cause, int32_t reason);
  void LetGo();
  long Write(const char* data, size_t size, int* error) const;

  std::string token_;
  std::string server_host_, server_port_;
  std::string host_, port_;  // of a datagram's destination, when the socket has none
  net_socket socket_ = NET_NO_SOCKET;
  whydrop_conn conn_ = 0, previous_ = 0;
  bool udp_ = false;
  bool reading_ = true;
  bool told_ = false;
  int32_t announced_ = WHYDROP_CLOSE_NORMAL;
  size_t beat_bytes_ = 0;
  uint64_t beat_every_ms_ = 0, beat_at_ms_ = 0;
  uint64_t patience_ms_ = 0, received_at_ms_ = 0;
  std::string patience_reason_;
  uint64_t sent_ = 0, received_ = 0;
  int recv_error_ = 0;
};

}  // namespace close_lab

#endif
