// Mistakes that show in single connections, told without being asked for: a server that closes with unread data, a
// linger time of 0, a transfer announced to nobody, datagrams larger than the path takes.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_FINDINGS_H
#define WHYDROP_COLLECTOR_FINDINGS_H

#include <cstdint>

#include "core/evidence.h"

namespace whydrop::collector {

// Bits of a stored number: values are never reused.
enum FindingBit : uint32_t {
  kUnreadClose = 1,
  kLingerZero = 2,
  kTransferLost = 4,
  kOversizeUdp = 8,
};

struct FindingText {
  uint32_t bit;  // 0: not of single connections
  const char* id;
  const char* title;
  const char* advice;
};

// Those of the bits, then that of resets which concentrate on one network.
constexpr int kFindingTexts = 5;
extern const FindingText kFindings[kFindingTexts];

// The bits that one connection shows. Either end may be nullptr.
uint32_t FindingsOf(const Evidence* client, const Evidence* server);

}  // namespace whydrop::collector

#endif
