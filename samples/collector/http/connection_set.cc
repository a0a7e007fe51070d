#include "samples/collector/http/connection_set.h"

#include <algorithm>

namespace whydrop::collector {

bool ConnectionSet::Add(OpenConnection* connection, const std::string& address) {
  const bool proxy = std::any_of(limits_.proxies.begin(), limits_.proxies.end(),
                                 [&address](const Cidr& cidr) { return cidr.Contains(address); });
  const std::string group = limits_.per_address == 0 || proxy ? "" : SenderGroup(address);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || connections_.size() >= limits_.all) return false;
  if (!group.empty()) {
    size_t& of_group = by_group_[group];
    if (of_group >= limits_.per_address) return false;
    ++of_group;
  }
  connections_.emplace(connection, group);
  size_ = connections_.size();
  return true;
}

void ConnectionSet::Remove(OpenConnection* connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = connections_.find(connection);
  const auto group = by_group_.find(found->second);
  if (group != by_group_.end() && --group->second == 0) by_group_.erase(group);
  connections_.erase(found);
  size_ = connections_.size();
  if (connections_.empty()) empty_.notify_all();
}

size_t ConnectionSet::StopAll(std::chrono::seconds deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  std::vector<std::shared_ptr<OpenConnection>> alive;
  for (const auto& [connection, group] : connections_) alive.push_back(connection->Self());
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
