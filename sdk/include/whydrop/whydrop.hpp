// whydrop for C++: the C interface with owners instead of pairs of calls. Header only, C++11; nothing throws.
// What each call means stands in whydrop.h.
#ifndef WHYDROP_WHYDROP_HPP
#define WHYDROP_WHYDROP_HPP

#include "whydrop/whydrop.h"

namespace whydrop {

// A configuration with its defaults filled in; set the fields, then start.
struct Config : whydrop_config {
  Config() { WHYDROP_CONFIG_INIT(static_cast<whydrop_config *>(this)); }
};

// Starts at construction, stops at the end of the scope.
class Recording {
 public:
  explicit Recording(const Config &config) : result_(whydrop_start(&config)) {}
  ~Recording() {
    if (result_ == WHYDROP_OK) whydrop_stop();
  }
  Recording(const Recording &) = delete;
  Recording &operator=(const Recording &) = delete;

  whydrop_result result() const { return result_; }

 private:
  whydrop_result result_;
};

// One connection's record. Ends with the reason NORMAL unless Close was called with another one.
class Connection {
 public:
  Connection() : conn_(0) {}
  Connection(int32_t protocol, const char *endpoint, const char *token = nullptr, whydrop_conn previous = 0,
             const char *network = nullptr)
      : conn_(0) {
    whydrop_conn_info info = {};
    info.struct_size = static_cast<uint32_t>(sizeof info);
    info.protocol = protocol;
    info.endpoint = endpoint;
    info.token = token;
    info.network = network;
    info.previous = previous;
    conn_ = whydrop_conn_open(&info);
  }
  ~Connection() { Close(WHYDROP_CLOSE_NORMAL); }
  Connection(Connection &&other) noexcept : conn_(other.conn_) { other.conn_ = 0; }
  Connection &operator=(Connection &&other) noexcept {
    if (this != &other) {
      Close(WHYDROP_CLOSE_NORMAL);
      conn_ = other.conn_;
      other.conn_ = 0;
    }
    return *this;
  }
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  whydrop_conn handle() const { return conn_; }
  void SetToken(const char *token) { whydrop_conn_set_token(conn_, token); }
  void Connected(whydrop_socket socket) { whydrop_conn_connected(conn_, socket); }
  void Sent(uint64_t bytes) { whydrop_conn_sent(conn_, bytes); }
  void Received(uint64_t bytes) { whydrop_conn_received(conn_, bytes); }
  void Rtt(uint32_t rtt_us) { whydrop_conn_rtt(conn_, rtt_us); }
  void ExpectClose(int32_t close_reason) { whydrop_conn_expect_close(conn_, close_reason); }
  whydrop_cause Failed(int32_t operation, int32_t os_error) {
    return whydrop_conn_failed(conn_, operation, os_error);
  }
  whydrop_cause PeerClosed() { return whydrop_conn_peer_closed(conn_); }
  // Call it before the socket is closed.
  whydrop_cause Close(int32_t close_reason) {
    const whydrop_conn conn = conn_;
    conn_ = 0;
    return conn == 0 ? WHYDROP_CAUSE_UNKNOWN : whydrop_conn_close(conn, close_reason);
  }

 private:
  whydrop_conn conn_;
};

}  // namespace whydrop

#endif
