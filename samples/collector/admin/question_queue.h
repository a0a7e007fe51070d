// Threads that answer questions of the store, so that those that speak HTTP stay free: whoever asks for a year of
// connections by all they have must not keep the metrics and the balancer's checks waiting.
//
// Thread rule: Add from any thread; Stop from one.
#ifndef WHYDROP_COLLECTOR_QUESTION_QUEUE_H
#define WHYDROP_COLLECTOR_QUESTION_QUEUE_H

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace whydrop::collector {

class QuestionQueue {
 public:
  QuestionQueue(size_t threads, size_t most_waiting);
  ~QuestionQueue() { Stop(); }

  // Runs `question` on a thread of this. False, and it never runs: too many wait, or the end has begun.
  bool Add(std::function<void()> question);

  // Returns when all are done, those that wait too: a store that was stopped gives them up at once.
  void Stop();

 private:
  void Work();

  const size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> waiting_;  // guarded by mutex_
  bool stopping_ = false;                      // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace whydrop::collector

#endif
