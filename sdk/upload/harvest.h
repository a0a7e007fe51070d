// From the rings of dead sessions to batches in the outbox, exactly once: facts frozen, batches durable, ring removed,
// in this order, each step repeatable. Killed anywhere, the next harvest goes on; two at once are told apart by the
// lock of the ring.
//
// Thread rule: the worker thread; several processes may share the directory.
#ifndef WHYDROP_UPLOAD_HARVEST_H
#define WHYDROP_UPLOAD_HARVEST_H

#include <array>
#include <cstdint>
#include <string>

#include "core/log.h"
#include "upload/batch_encoder.h"
#include "upload/outbox.h"

namespace whydrop {

struct HarvestConfig {
  std::string directory;
  std::array<uint8_t, 16> own_session{};   // never touched; zeros: none
  std::array<uint8_t, 16> machine_hash{};  // as in this machine's own rings; zeros: unknown
  Log log;
};

struct HarvestResult {
  bool any = false;
  RingIdentity last;  // of the session that ended last
  SessionReport last_report;
  uint32_t last_crash_code = 0;
  uint64_t rings_corrupt = 0;
  // Of dead sessions, not in the outbox yet: another process is just at them, there are too many for one go, or the
  // disk refused.
  uint64_t rings_left = 0;
};

HarvestResult HarvestRings(const HarvestConfig& config, const Outbox& outbox);

// Removes every ring whose owner does not live, and what harvests left behind.
void EraseRings(const HarvestConfig& config);

// Writes all parts of one rotation, durable on success. Parts of an earlier attempt are thrown away first: the rotation
// was not finished, so none of them was ever sent, and the counters beside the records may have changed since.
Status PutRotation(const Outbox& outbox, const RingContents& ring, const SessionReport& report,
                   const BatchScope& scope);

// Called between the steps of a harvest (1, 2, 3 ...) and around a post (kBeforePost ...); nullptr, unless a test wants
// to die there.
extern void (*upload_step_hook)(int step);
enum UploadStep { kBeforePost = 10, kAnswered = 11, kApplied = 12 };

}  // namespace whydrop

#endif
