// What a running server's next rotation has to know of its own ring, which others go on writing: the connections that
// ended and are not told yet, and of those that stand the ones that opened, got their token or failed since the last
// rotation. What stands unchanged is not even looked at: it is open until a later rotation tells its end, or the last
// rotation of the session, which tells all that were open at its death. So ten thousand idle players cost a report
// nothing, and the memory of this class, lost with the process, need not survive it.
//
// Thread rule: the worker thread.
#ifndef WHYDROP_RING_LIVE_RING_H
#define WHYDROP_RING_LIVE_RING_H

#include <cstdint>
#include <vector>

#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace whydrop {

class LiveRing {
 public:
  explicit LiveRing(RingWriter* writer) : writer_(writer) {}

  // After BeginSeal. Tells the same changes again until Told.
  Status Read(RingContents* out);
  // What the last Read found is in a finished rotation.
  void Told();

 private:
  RingWriter* writer_;
  std::vector<uint32_t> changed_;  // slots of the connection table, in order
  // Index in the flow ring: every record in front of it was there to be read, by the last Told and by the last Read.
  uint64_t flow_told_ = 0, flow_read_ = 0;
};

}  // namespace whydrop

#endif
