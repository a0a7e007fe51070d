#include "samples/collector/http/connection_set.h"

#include <algorithm>

namespace whydrop::collector {
namespace {

size_t BodyBytesPerAddress(const ConnectionLimits& limits) {
  if (limits.per_address == 0 || limits.per_address >= limits.all) return limits.body_bytes;
  return std::max(kMaxBodyBytes, limits.body_bytes * limits.per_address / limits.all);
}

}  // namespace

ConnectionSet::ConnectionSet(ConnectionLimits limits)
    : limits_(std::move(limits)), body_bytes_per_address_(BodyBytesPerAddress(limits_)) {}

bool ConnectionSet::Add(OpenConnection* connection, const std::string& address) {
  const bool proxy = std::any_of(limits_.proxies.begin(), limits_.proxies.end(),
                                 [&address](const Cidr& cidr) { return cidr.Contains(address); });
  const std::string name = limits_.per_address == 0 || proxy ? "" : SenderGroup(address);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || connections_.size() >= limits_.all) return false;
  if (!name.empty()) {
    Group& group = groups_[name];
    if (group.connections >= limits_.per_address) return false;
    ++group.connections;
  }
  connections_.emplace(connection, Member{name});
  size_ = connections_.size();
  return true;
}

void ConnectionSet::Remove(OpenConnection* connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = connections_.find(connection);
  GiveBack(&found->second);
  const auto group = groups_.find(found->second.group);
  if (group != groups_.end() && --group->second.connections == 0) groups_.erase(group);
  connections_.erase(found);
  size_ = connections_.size();
  if (connections_.empty()) empty_.notify_all();
}

bool ConnectionSet::TakeBody(OpenConnection* connection, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bytes > limits_.body_bytes - body_bytes_) return false;
  Member& member = connections_.at(connection);
  if (const auto group = groups_.find(member.group); group != groups_.end()) {
    if (group->second.body_bytes + bytes > body_bytes_per_address_) return false;
    group->second.body_bytes += bytes;
  }
  member.body_bytes += bytes;
  body_bytes_ += bytes;
  return true;
}

void ConnectionSet::GiveBodyBack(OpenConnection* connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  GiveBack(&connections_.at(connection));
}

void ConnectionSet::GiveBack(Member* member) {
  const auto group = groups_.find(member->group);
  if (group != groups_.end()) group->second.body_bytes -= member->body_bytes;
  body_bytes_ -= member->body_bytes;
  member->body_bytes = 0;
}

size_t ConnectionSet::StopAll(std::chrono::seconds deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  std::vector<std::shared_ptr<OpenConnection>> alive;
  for (const auto& [connection, member] : connections_) alive.push_back(connection->Self());
  // Unlocked, because the last reference to a connection takes it out of the set.
  lock.unlock();
  for (const auto& connection : alive) {
    if (connection != nullptr) connection->StopSoon();
  }
  alive.clear();
  lock.lock();
  empty_.wait_for(lock, deadline, [this] { return connections_.empty(); });
  return connections_.size();
}

}  // namespace whydrop::collector
