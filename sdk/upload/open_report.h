// Which open connections a running server's next rotation tells: those that opened since the last one, and those that
// got their token or failed meanwhile. What stands unchanged is not sent again: it is open until a later rotation tells
// its end, or the last rotation of the session, which tells all that were open at its death. So tens of thousands of
// idle players cost a report nothing, and the memory of this class, lost with the process, need not survive it.
//
// Thread rule: one thread.
#ifndef WHYDROP_UPLOAD_OPEN_REPORT_H
#define WHYDROP_UPLOAD_OPEN_REPORT_H

#include <cstdint>
#include <vector>

#include "ring/ring_reader.h"

namespace whydrop {

class OpenReport {
 public:
  // Numbers in order. The same again until Told.
  std::vector<uint32_t> Select(const RingContents& ring);
  // What the last Select looked at is in a finished rotation.
  void Told() { told_.swap(seen_); }

 private:
  // number << 2 | has failed << 1 | has a token, in order.
  std::vector<uint64_t> told_, seen_;
};

}  // namespace whydrop

#endif
