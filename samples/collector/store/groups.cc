#include "samples/collector/store/groups.h"

#include <algorithm>
#include <iterator>

namespace whydrop::collector {
namespace {

// A network is told when at least this many of its connections were reset, three times as often as the others'.
constexpr uint64_t kLeastResets = 5;
constexpr uint64_t kTimesAsOften = 3;

constexpr Cause kResets[] = {WHYDROP_CAUSE_PATH_RESET, WHYDROP_CAUSE_PATH_STATE_LOST, WHYDROP_CAUSE_RESET_AFTER_SILENCE,
                             WHYDROP_CAUSE_RESET_AMBIGUOUS};

std::string PlatformName(int64_t platform) {
  static constexpr const char* kNames[] = {"unknown", "linux", "windows", "wine"};
  return platform >= 0 && platform <= 3 ? kNames[platform] : "unknown";
}

// A cause's side is its hundreds digit, so any known cause of that hundred names it.
std::string SideName(int64_t hundreds) {
  int count = 0;
  const Cause* causes = AllCauses(&count);
  for (int i = 0; i < count; ++i) {
    if (causes[i] / 100 == hundreds) return CauseSide(causes[i]);
  }
  return "unknown";
}

}  // namespace

std::optional<std::string> NameOfNumber(const std::string& dimension, int64_t number) {
  if (dimension == "cause") return CauseName(static_cast<Cause>(number));
  if (dimension == "side") return SideName(number);
  if (dimension == "outcome") return OutcomeName(static_cast<Outcome>(number));
  if (dimension == "platform") return PlatformName(number);
  return std::nullopt;
}

bool IsReset(Cause cause) { return std::find(std::begin(kResets), std::end(kResets), cause) != std::end(kResets); }

std::string ResetCauses() {
  std::string list;
  for (const Cause cause : kResets) list += (list.empty() ? "" : ", ") + std::to_string(cause);
  return list;
}

std::optional<Finding> FindResetsOnOneNetwork(const std::vector<NetworkCount>& networks, uint64_t drops) {
  uint64_t connections = 0, resets = 0;
  for (const NetworkCount& network : networks) {
    connections += network.connections;
    resets += network.resets;
  }
  Finding finding{&kFindings[kFindingTexts - 1], "network", 0, 0, drops, {}};
  for (const NetworkCount& network : networks) {
    const uint64_t others = connections - network.connections;
    const uint64_t others_resets = resets - network.resets;
    // resets / connections here against the same of all others, without a division.
    const bool more = network.resets * others >= kTimesAsOften * others_resets * network.connections;
    if (network.label.empty() || network.resets < kLeastResets || others == 0 || !more) continue;
    finding.count += network.resets;
    finding.dropped += network.dropped;
    if (finding.who.size() < kMaxNamed) finding.who.push_back({network.label, network.resets});
  }
  if (finding.count == 0) return std::nullopt;
  return finding;
}

Crashes CrashesOf(std::vector<CrashGroup> groups, uint32_t limit) {
  Crashes crashes;
  crashes.places = groups.size();
  for (const CrashGroup& group : groups) crashes.sessions += group.sessions;
  std::stable_sort(groups.begin(), groups.end(),
                   [](const CrashGroup& a, const CrashGroup& b) { return a.sessions > b.sessions; });
  if (groups.size() > limit) groups.resize(limit);
  crashes.groups = std::move(groups);
  return crashes;
}

}  // namespace whydrop::collector
