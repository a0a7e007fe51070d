// What an analyst asks: as many questions to the engine as that takes, and the time in which it must be answered.
//
// Thread rule: one thread.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_QUESTION_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_QUESTION_H

#include <atomic>
#include <chrono>
#include <string>

#include "samples/collector/store/clickhouse/engine/cluster.h"

namespace whydrop::collector::clickhouse {

class Question {
 public:
  // `limit` is from now on; 0: none. `stopping`: whoever sets it has the question given up.
  explicit Question(Cluster* cluster, std::chrono::seconds limit = std::chrono::seconds(0),
                    const std::atomic<bool>* stopping = nullptr)
      : cluster_(cluster),
        limit_(limit),
        stopping_(stopping),
        until_(limit.count() == 0 ? Cluster::Moment::max() : std::chrono::steady_clock::now() + limit) {}

  const Settings& settings() const { return cluster_->settings(); }

  // Throws StoreError, and QuestionGivenUp.
  std::string Ask(const std::string& sql, const ExternalTable* keys = nullptr) const {
    try {
      return cluster_->Ask(sql, keys, until_, stopping_);
    } catch (const StoreError&) {
      if (stopping_ != nullptr && *stopping_) throw QuestionGivenUp(kStopping);
      if (std::chrono::steady_clock::now() < until_) throw;
      throw QuestionGivenUp(GivenUpAfter(limit_));
    }
  }

 private:
  Cluster* const cluster_;
  const std::chrono::seconds limit_;
  const std::atomic<bool>* const stopping_;
  const Cluster::Moment until_;
};

}  // namespace whydrop::collector::clickhouse

#endif
