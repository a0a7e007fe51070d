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

  // After BeginSeal, at session time `now_ms`. Tells the same changes again until Told.
  Status Read(uint64_t now_ms, RingContents* out);
  // Index in the flow ring up to which the last Read found every record that will ever be there. What lies behind it is
  // for the next rotation, or else an end that is still being written would be passed over.
  uint64_t flow_read() const { return flow_read_; }
  // What the last Read found, of the flow ring up to flow_read(), is in a finished rotation.
  void Told();

 private:
  RingWriter* writer_;
  std::vector<uint32_t> changed_;  // slots of the connection table, in order
  uint64_t flow_told_ = 0, flow_read_ = 0;
  uint64_t flow_stuck_ = 0;  // records in front of flow_read_ that were waited for too long
  // The tail of the flow ring as it was at some time, and the last one that was seen kStuckMs ago: in front of that a
  // record is there or will not come.
  uint64_t flow_seen_ = 0, flow_seen_ms_ = 0, flow_due_ = 0;
};

}  // namespace whydrop

#endif
