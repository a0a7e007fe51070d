// Connections that only answer. Each question has one for itself, so that a small one does not wait behind a large one;
// whoever finds none free waits.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_SQLITE_READ_POOL_H
#define WHYDROP_COLLECTOR_SQLITE_READ_POOL_H

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "samples/collector/store/sqlite/db.h"

namespace whydrop::collector {

class ReadPool {
 public:
  ReadPool(const std::string& path, size_t size) {
    for (size_t i = 0; i < size; ++i) free_.push_back(std::make_unique<Database>(path, OpenMode::kQuery));
  }

  // What `question` answers when it is asked with one of the connections.
  template <typename Question>
  auto Ask(const Question& question) {
    const Lease lease(this);
    return question(lease.db());
  }

 private:
  class Lease {
   public:
    explicit Lease(ReadPool* pool) : pool_(pool) {
      std::unique_lock<std::mutex> lock(pool->mutex_);
      pool->returned_.wait(lock, [pool] { return !pool->free_.empty(); });
      db_ = std::move(pool->free_.back());
      pool->free_.pop_back();
    }
    ~Lease() {
      const std::lock_guard<std::mutex> lock(pool_->mutex_);
      pool_->free_.push_back(std::move(db_));
      pool_->returned_.notify_one();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    const Database& db() const { return *db_; }

   private:
    ReadPool* pool_;
    std::unique_ptr<Database> db_;
  };

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Database>> free_;  // guarded by mutex_
};

}  // namespace whydrop::collector

#endif
