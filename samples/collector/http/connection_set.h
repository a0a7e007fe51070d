// The open connections of a server: how many there may be, in all and from one address, and their orderly end.
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

struct ConnectionLimits {
  size_t all = 256;
  size_t per_address = 0;     // for IPv6 each /64; 0: none
  std::vector<Cidr> proxies;  // addresses that speak for many and may have them all
};

class ConnectionSet {
 public:
  explicit ConnectionSet(ConnectionLimits limits) : limits_(std::move(limits)) {}

  // False: too many, or the end has begun.
  bool Add(OpenConnection* connection, const std::string& address);
  void Remove(OpenConnection* connection);
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  bool stopping() const { return stopping_.load(); }

  // Ends idle connections, waits for the others until the deadline and returns how many were left.
  size_t StopAll(std::chrono::seconds deadline);

 private:
  const ConnectionLimits limits_;
  std::mutex mutex_;
  std::condition_variable empty_;
  std::unordered_map<OpenConnection*, std::string> connections_;  // each one's sender group; guarded by mutex_
  std::unordered_map<std::string, size_t> by_group_;              // guarded by mutex_
  std::atomic<size_t> size_{0};
  std::atomic<bool> stopping_{false};  // set under mutex_
};

}  // namespace whydrop::collector

#endif
