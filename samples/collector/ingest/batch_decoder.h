// Turns an inflated body into a checked Batch. Nothing behind it sees a string, a length or a count that was not
// bounded here.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_BATCH_DECODER_H
#define WHYDROP_COLLECTOR_BATCH_DECODER_H

#include <cstddef>
#include <string>
#include <string_view>

#include "samples/collector/model/records.h"

namespace whydrop::collector {

inline constexpr int kMaxNesting = 4;
inline constexpr size_t kMaxRecords = 4096;
inline constexpr uint64_t kMaxCloseTotal = 1000000;

enum class DecodeResult {
  kOk,
  kNotABatch,  // cannot be read, or what must be there is missing: the sender cannot be answered with an Ack
  kTooManyRecords,
  kOutOfBounds,  // a batch with a good id, but a value breaks its rule: it will never be taken
};

// Fills `batch` (its times are left 0) on kOk; on kOutOfBounds its key, hash, app and role are valid. `error` says what
// is wrong otherwise, for the sender's developer.
DecodeResult DecodeBatch(std::string_view body, Batch* batch, std::string* error);

}  // namespace whydrop::collector

#endif
