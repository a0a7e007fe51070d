// The open connections of a server: how many there may be and what their requests' bodies may take, in all and from one
// address, and their orderly end.
//
// Thread rule: every function from any thread.
#ifndef WHYDROP_COLLECTOR_CONNECTION_SET_H
#define WHYDROP_COLLECTOR_CONNECTION_SET_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "samples/collector/http/address.h"

namespace whydrop::collector {

// What can be stopped without knowing what it does.
class OpenConnection {
 public:
  virtual ~OpenConnection() = default;
  virtual void StopSoon() = 0;
  virtual std::shared_ptr<OpenConnection> Self() = 0;  // nullptr once it is being destroyed
};

inline constexpr size_t kMaxBodyBytes = 256 * 1024;  // of one request

struct ConnectionLimits {
  size_t all = 256;
  size_t per_address = 0;     // for IPv6 each /64; 0: none
  std::vector<Cidr> proxies;  // addresses that speak for many and may have them all
  // What bodies may take at once. An address may have the same part of it as of the connections, but always one body.
  size_t body_bytes = 256 * kMaxBodyBytes;
};

class ConnectionSet {
 public:
  explicit ConnectionSet(ConnectionLimits limits);

  // False: too many, or the end has begun.
  bool Add(OpenConnection* connection, const std::string& address);
  void Remove(OpenConnection* connection);
  size_t size() const { return size_.load(std::memory_order_relaxed); }

  // Sets memory aside for the body of the connection's request, until it is given back or the connection is removed.
  // False: there is not enough, in all or for its address.
  bool TakeBody(OpenConnection* connection, size_t bytes);
  void GiveBodyBack(OpenConnection* connection);
  size_t body_bytes() const { return body_bytes_.load(std::memory_order_relaxed); }

  bool stopping() const { return stopping_.load(); }

  // Ends idle connections, waits for the others until the deadline and returns how many were left.
  size_t StopAll(std::chrono::seconds deadline);

 private:
  struct Group {
    size_t connections = 0;
    size_t body_bytes = 0;
  };
  struct Member {
    std::string group;  // of its sender, "": none
    size_t body_bytes = 0;
  };

  void GiveBack(Member* member);  // under mutex_

  const ConnectionLimits limits_;
  const size_t body_bytes_per_address_;
  std::mutex mutex_;
  std::condition_variable empty_;
  std::unordered_map<OpenConnection*, Member> connections_;  // guarded by mutex_
  std::unordered_map<std::string, Group> groups_;            // guarded by mutex_
  // Changed under mutex_.
  std::atomic<size_t> size_{0};
  std::atomic<size_t> body_bytes_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace whydrop::collector

#endif
