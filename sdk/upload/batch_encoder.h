// A ring as whydrop.v1.Batch messages. The same ring, report and scope give the same bytes, always: a harvest that was
// killed is repeated, and must not count anything twice.
//
// Thread rule: pure.
#ifndef WHYDROP_UPLOAD_BATCH_ENCODER_H
#define WHYDROP_UPLOAD_BATCH_ENCODER_H

#include <cstdint>
#include <string>
#include <vector>

#include "upload/session_report.h"

namespace whydrop {

inline constexpr size_t kMaxBatchRecords = 2000;
inline constexpr size_t kMaxBatchBytes = size_t{192} << 10;  // inflated

// What of the ring a rotation tells.
struct BatchScope {
  uint32_t rotation = 0;
  uint64_t key_from = 0;  // records of the key ring with key_from <= index < key_to
  uint64_t key_to = UINT64_MAX;
  uint64_t flow_from = 0;  // ended connections that had to go to the flow ring, likewise
  uint64_t flow_to = UINT64_MAX;
  // kEnded: everything. kRunning: no flow events. kUnfinished, which the rest of a dead session's ring follows: neither
  // those nor close totals and open connections.
  enum class Kind { kRunning, kUnfinished, kEnded };
  Kind kind = Kind::kEnded;
};

// How the ended connections of one close total are told.
struct TotalShare {
  uint64_t in_scope = 0;  // one by one, in this rotation
  uint64_t repeats = 0;   // as a count: in no record of the ring and not told before
};

// Of every total of the ring, in its order.
std::vector<TotalShare> ShareTotals(const RingContents& ring, const BatchScope& scope);

// A rotation still to be made of a dead session's ring, and what to report in it.
struct Rotation {
  SessionReport report;
  BatchScope scope;
};

// All of them in order, the last one with the session's end. A rotation that was about to be sealed when the process
// died comes first, from exactly the range that was written down, because some of its parts may exist or even be sent.
std::vector<Rotation> PlanRotations(const RingContents& ring, const HarvestFacts& facts);

// The bodies of all parts of one rotation, in order; at least one. Cut by record count and size alone, in an order that
// depends on nothing but the ring.
std::vector<std::string> EncodeRotation(const RingContents& ring, const SessionReport& report, const BatchScope& scope);

}  // namespace whydrop

#endif
