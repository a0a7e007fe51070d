// Connections that only answer. Each question has one for itself, so that a small one does not wait behind a large one;
// whoever finds none free waits. A question that takes too long is given up: it would keep its connection from others,
// and the log of the store from being written back.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_SQLITE_READ_POOL_H
#define WHYDROP_COLLECTOR_SQLITE_READ_POOL_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class ReadPool {
 public:
  // `limit` is for one question; 0: none.
  ReadPool(const std::string& path, size_t size, std::chrono::seconds limit) : limit_(limit) {
    for (size_t i = 0; i < size; ++i) free_.push_back(std::make_unique<Database>(path, OpenMode::kQuery));
  }

  // What `question` answers when it is asked with one of the connections. Throws QuestionGivenUp.
  template <typename Question>
  auto Ask(const Question& question) {
    const Lease lease(this);
    try {
      return question(lease.db());
    } catch (const StoreError&) {
      if (stopping_) throw QuestionGivenUp(kStopping);
      if (!lease.IsLate()) throw;
      throw QuestionGivenUp(GivenUpAfter(limit_));
    }
  }

  // Gives up the questions that are being answered, and those that come, unless they are answered in no time.
  void Stop() { stopping_ = true; }

 private:
  class Lease {
   public:
    explicit Lease(ReadPool* pool) : pool_(pool) {
      std::unique_lock<std::mutex> lock(pool->mutex_);
      pool->returned_.wait(lock, [pool] { return !pool->free_.empty(); });
      db_ = std::move(pool->free_.back());
      pool->free_.pop_back();
      lock.unlock();
      until_ = std::chrono::steady_clock::now() + pool->limit_;
      // SQLite asks whether to go on each time its machine has made so many steps, which takes some milliseconds.
      constexpr int kSteps = 100000;
      const auto is_over = [](void* self) {
        const auto* lease = static_cast<const Lease*>(self);
        return lease->pool_->stopping_ || lease->IsLate() ? 1 : 0;
      };
      sqlite3_progress_handler(db_->get(), kSteps, is_over, this);
    }
    ~Lease() {
      sqlite3_progress_handler(db_->get(), 0, nullptr, nullptr);
      const std::lock_guard<std::mutex> lock(pool_->mutex_);
      pool_->free_.push_back(std::move(db_));
      pool_->returned_.notify_one();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    const Database& db() const { return *db_; }
    bool IsLate() const { return pool_->limit_.count() != 0 && std::chrono::steady_clock::now() > until_; }

   private:
    ReadPool* const pool_;
    std::unique_ptr<Database> db_;
    std::chrono::steady_clock::time_point until_;
  };

  const std::chrono::seconds limit_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Database>> free_;  // guarded by mutex_
};

}  // namespace whydrop::collector

#endif
