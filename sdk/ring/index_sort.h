// Sorts records by their indexes: one piece of code for every kind of record, and what is large is moved once.
//
// Thread rule: pure.
#ifndef WHYDROP_RING_INDEX_SORT_H
#define WHYDROP_RING_INDEX_SORT_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace whydrop {

// Whether the record with index `a` comes before that with index `b`; an order in which no two are equal.
using ComesBefore = bool (*)(const void* records, uint32_t a, uint32_t b);

void SortIndexes(const void* records, ComesBefore comes_before, std::vector<uint32_t>* indexes);

// 0 .. count - 1, sorted.
std::vector<uint32_t> SortedIndexes(const void* records, size_t count, ComesBefore comes_before);

}  // namespace whydrop

#endif
