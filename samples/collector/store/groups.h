// What counted groups are called, and what they show together: the same for every engine.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_STORE_GROUPS_H
#define WHYDROP_COLLECTOR_STORE_GROUPS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samples/collector/store/store.h"

namespace whydrop::collector {

inline constexpr size_t kMaxGroups = 50000;  // of an answer: a year of days by cause, side and more are some 20,000
inline constexpr size_t kMaxNamed = 20;      // labels that a finding names

inline const std::string kTagPrefix = "tag:";
inline bool IsTag(const std::string& dimension) { return dimension.compare(0, kTagPrefix.size(), kTagPrefix) == 0; }

// Of a dimension whose values are numbers; nothing for one whose values are texts. A side is a cause's hundreds.
std::optional<std::string> NameOfNumber(const std::string& dimension, int64_t number);

// The causes of resets that nobody is known to have sent; also as a list for SQL: "402, 404".
bool IsReset(Cause cause);
std::string ResetCauses();

struct NetworkCount {
  std::string label;
  uint64_t connections = 0;
  uint64_t resets = 0;
  uint64_t dropped = 0;  // of the resets
};

// Resets that concentrate on one network. `networks` are all of them, those with the most resets first.
std::optional<Finding> FindResetsOnOneNetwork(const std::vector<NetworkCount>& networks, uint64_t drops);

// All groups as an answer: the largest, at most `limit`.
Crashes CrashesOf(std::vector<CrashGroup> groups, uint32_t limit);

}  // namespace whydrop::collector

#endif
