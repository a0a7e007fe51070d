#include "ring/index_sort.h"

#include <algorithm>

namespace whydrop {

void SortIndexes(const void* records, ComesBefore comes_before, std::vector<uint32_t>* indexes) {
  std::sort(indexes->begin(), indexes->end(),
            [records, comes_before](uint32_t a, uint32_t b) { return comes_before(records, a, b); });
}

std::vector<uint32_t> SortedIndexes(const void* records, size_t count, ComesBefore comes_before) {
  std::vector<uint32_t> indexes(count);
  for (size_t i = 0; i < count; ++i) indexes[i] = static_cast<uint32_t>(i);
  SortIndexes(records, comes_before, &indexes);
  return indexes;
}

}  // namespace whydrop
