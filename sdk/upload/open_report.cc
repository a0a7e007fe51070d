#include "upload/open_report.h"

#include <algorithm>
#include <iterator>

namespace whydrop {

std::vector<uint32_t> OpenReport::Select(const RingContents& ring) {
  seen_.clear();
  for (const RingConnection& connection : ring.connections) {
    if (!connection.open) continue;
    const uint64_t facts = (connection.failed ? 2u : 0u) | (connection.identity.has_token ? 1u : 0u);
    seen_.push_back(uint64_t{connection.identity.number} << 2 | facts);
  }
  std::vector<uint64_t> changed;
  std::set_difference(seen_.begin(), seen_.end(), told_.begin(), told_.end(), std::back_inserter(changed));
  std::vector<uint32_t> numbers;
  for (const uint64_t key : changed) numbers.push_back(static_cast<uint32_t>(key >> 2));
  return numbers;
}

}  // namespace whydrop
