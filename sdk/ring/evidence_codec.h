// Evidence in the ring: a presence mask (bit = field number) and the present values in order as zigzag varints.
//
// Thread rule: pure; allocates nothing.
#ifndef WHYDROP_RING_EVIDENCE_CODEC_H
#define WHYDROP_RING_EVIDENCE_CODEC_H

#include <cstddef>
#include <cstdint>

#include "core/evidence.h"

namespace whydrop {

struct EncodedEvidence {
  uint64_t present = 0;
  size_t size = 0;  // bytes written
};

// Writes the fields of `wanted` (bits) that `evidence` has, in order, as many as fit into `capacity` bytes.
EncodedEvidence EncodeEvidence(const Evidence& evidence, uint64_t wanted, uint8_t* out, size_t capacity);

// Adds the values to `out`. False: the bytes are not exactly the values of `present`; `out` is untouched then.
bool DecodeEvidence(uint64_t present, const uint8_t* bytes, size_t size, Evidence* out);

}  // namespace whydrop

#endif
