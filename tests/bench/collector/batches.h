// Batches as clients and servers send them, each with an id and tokens of its own.
//
// Thread rule: pure.
#ifndef WHYDROP_BENCH_BATCHES_H
#define WHYDROP_BENCH_BATCHES_H

#include <cstdint>
#include <string>

namespace whydrop::bench {

struct Body {
  std::string gzip;
  uint64_t rows = 0;  // connections in it
};

// `number` makes the ids: the same number, the same bytes.
Body ClientBatch(uint64_t number);
Body ServerBatch(uint64_t number, uint32_t connections);

}  // namespace whydrop::bench

#endif
