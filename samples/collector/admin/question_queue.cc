#include "samples/collector/admin/question_queue.h"

#include <utility>

namespace whydrop::collector {

QuestionQueue::QuestionQueue(size_t threads, size_t most_waiting) : most_waiting_(most_waiting) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

bool QuestionQueue::Add(std::function<void()> question) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || waiting_.size() >= most_waiting_) return false;
  waiting_.push_back(std::move(question));
  wake_.notify_one();
  return true;
}

void QuestionQueue::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void QuestionQueue::Work() {
  for (;;) {
    std::function<void()> question;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      question = std::move(waiting_.front());
      waiting_.pop_front();
    }
    question();
  }
}

}  // namespace whydrop::collector
