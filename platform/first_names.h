// The first names of a directory by order, however many there are.
#ifndef WHYDROP_PLATFORM_FIRST_NAMES_H
#define WHYDROP_PLATFORM_FIRST_NAMES_H

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace whydrop::platform {

// A heap of the first `limit` names, so that a flooded directory costs no memory and the answer stays the same.
class FirstNames {
 public:
  explicit FirstNames(size_t limit) : limit_(limit) {}

  void Add(std::string name) {
    names_.push_back(std::move(name));
    std::push_heap(names_.begin(), names_.end());
    if (names_.size() <= limit_) return;
    std::pop_heap(names_.begin(), names_.end());
    names_.pop_back();
  }
  // Sorted.
  std::vector<std::string> Take() {
    std::sort_heap(names_.begin(), names_.end());
    return std::move(names_);
  }

 private:
  size_t limit_;
  std::vector<std::string> names_;
};

}  // namespace whydrop::platform

#endif
