// The rings that dead children leave behind.
#ifndef WHYDROP_TESTS_CRASH_LEFT_RING_H
#define WHYDROP_TESTS_CRASH_LEFT_RING_H

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "platform/clock.h"
#include "platform/identity.h"
#include "ring/ring_reader.h"
#include "upload/session_report.h"

namespace whydrop_test {

// What the ring of a session that died in this boot says.
struct LeftRing {
  bool readable = false;
  whydrop::RingContents ring;
  whydrop::SessionReport report;

  bool damaged() const {
    const whydrop::RingDamage& damage = ring.damage;
    return !readable || damage.life_out_of_range ||
           damage.slots_damaged + damage.connections_damaged + damage.tags_damaged + damage.totals_damaged != 0;
  }
};

inline LeftRing ReadLeftRing(const std::string& path) {
  LeftRing left;
  std::ifstream in(std::filesystem::u8path(path), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  left.readable = whydrop::ReadRing(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &left.ring).ok();
  if (!left.readable) return left;
  whydrop::SystemNow now;
  now.boot_id = whydrop::platform::BootId();
  now.boot_ms = whydrop::platform::BootTimeMs();
  now.unix_ms = whydrop::platform::WallUnixMs();
  left.report = whydrop::ReportSession(left.ring, whydrop::FactsOf(left.ring, now));
  return left;
}

}  // namespace whydrop_test

#endif
