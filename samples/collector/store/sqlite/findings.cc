#include "samples/collector/store/sqlite/findings.h"

#include <algorithm>

#include "samples/collector/model/findings.h"
#include "samples/collector/store/groups.h"
#include "samples/collector/store/judgement.h"
#include "samples/collector/store/sqlite/counting.h"

namespace whydrop::collector {
namespace {

// Dropped and recovered ones: both interrupted a game.
bool IsDrop(int64_t kind, int64_t outcome) {
  return kind != static_cast<int64_t>(RowKind::kUnjoinedServer) &&
         (outcome == static_cast<int64_t>(Outcome::kDropped) || outcome == static_cast<int64_t>(Outcome::kRecovered));
}

std::vector<CountedGroup> Count(const Database& db, const ConnectionFilter& filter, std::vector<std::string> dimensions,
                                uint32_t finding = 0) {
  CountQuery query;
  static_cast<ConnectionFilter&>(query) = filter;
  query.dimensions = std::move(dimensions);
  query.finding = finding;
  return CountGroups(db, query);
}

uint64_t CountDrops(const Database& db, const ConnectionFilter& filter) {
  uint64_t drops = 0;
  for (const CountedGroup& group : Count(db, filter, {"outcome"})) {
    if (IsDrop(group.kind, group.values[0].number)) drops += static_cast<uint64_t>(group.count);
  }
  return drops;
}

void ReadOfConnections(const Database& db, const ConnectionFilter& filter, const FindingText& text, uint64_t drops,
                       std::vector<Finding>* out) {
  Finding finding{&text, "endpoint", 0, 0, drops, {}};
  for (const CountedGroup& group : Count(db, filter, {"endpoint", "outcome"}, text.bit)) {
    const auto count = static_cast<uint64_t>(group.count);
    finding.count += count;
    if (IsDrop(group.kind, group.values[1].number)) finding.dropped += count;
    const std::string& endpoint = group.values[0].text;
    if (finding.who.empty() || finding.who.back().label != endpoint) finding.who.push_back({endpoint, 0});
    finding.who.back().count += count;
  }
  std::stable_sort(finding.who.begin(), finding.who.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  if (finding.who.size() > kMaxNamed) finding.who.resize(kMaxNamed);
  if (finding.count != 0) out->push_back(std::move(finding));
}

void ReadResetsByNetwork(const Database& db, const ConnectionFilter& filter, uint64_t drops,
                         std::vector<Finding>* out) {
  std::vector<NetworkCount> networks;
  for (const CountedGroup& group : Count(db, filter, {"network", "cause", "outcome"})) {
    if (group.kind != static_cast<int64_t>(RowKind::kReported)) continue;
    const std::string& label = group.values[0].text;
    if (networks.empty() || networks.back().label != label) networks.push_back({label, 0, 0, 0});
    const auto count = static_cast<uint64_t>(group.count);
    networks.back().connections += count;
    if (!IsReset(static_cast<Cause>(group.values[1].number))) continue;
    networks.back().resets += count;
    if (IsDrop(group.kind, group.values[2].number)) networks.back().dropped += count;
  }
  std::stable_sort(networks.begin(), networks.end(), [](const auto& a, const auto& b) { return a.resets > b.resets; });
  if (std::optional<Finding> finding = FindResetsOnOneNetwork(networks, drops)) out->push_back(std::move(*finding));
}

}  // namespace

std::vector<Finding> ReadFindings(const Database& db, const ConnectionFilter& filter) {
  const ReadTransaction snapshot(db);
  const uint64_t drops = CountDrops(db, filter);
  std::vector<Finding> findings;
  for (const FindingText& text : kFindings) {
    if (text.bit != 0) ReadOfConnections(db, filter, text, drops, &findings);
  }
  ReadResetsByNetwork(db, filter, drops, &findings);
  return findings;
}

}  // namespace whydrop::collector
