#include "samples/collector/store/clickhouse/answers/counts.h"

#include <algorithm>
#include <array>
#include <map>

#include "samples/collector/store/clickhouse/answers/filters.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/groups.h"

namespace whydrop::collector::clickhouse {
namespace {

// Dropped and recovered ones: both interrupted a game.
const std::string kIsDrop = "(kind < 2 AND outcome IN (" + std::to_string(static_cast<int>(Outcome::kDropped)) + ", " +
                            std::to_string(static_cast<int>(Outcome::kRecovered)) + "))";

// `tag` is the place of the dimension among the tags. Dimensions arrive checked.
std::string Column(const std::string& dimension, size_t tag) {
  if (dimension == "side") return "toInt64(intDiv(cause, 100))";
  if (dimension == "day") return "toString(toDate(toUInt16(intDiv(hour, 86400))))";
  if (dimension == "hour") return "formatDateTime(toDateTime(hour, 'UTC'), '%Y-%m-%dT%H:00Z', 'UTC')";
  if (IsTag(dimension)) return "tag" + std::to_string(tag);
  return NameOfNumber(dimension, 0) ? "toInt64(" + dimension + ")" : dimension;
}

}  // namespace

Attribution ReadAttribution(Cluster* cluster, const AttributionQuery& query, int64_t now_s) {
  std::string columns, by;
  std::vector<std::string> tags;
  Grain grain = Grain::kCoarse;
  for (size_t i = 0; i < query.group_by.size(); ++i) {
    const std::string& dimension = query.group_by[i];
    const std::string name = "d" + std::to_string(i);
    columns += Column(dimension, tags.size()) + " AS " + name + ", ";
    by += (by.empty() ? "" : ", ") + name;
    if (dimension == "endpoint" || dimension == "network") grain = Grain::kFine;
    if (IsTag(dimension)) tags.push_back(dimension.substr(kTagPrefix.size()));
  }
  // Server records without a token count apart, whatever their outcome.
  const std::string selected =
      query.outcome ? " AND (kind = 2 OR outcome = " + std::to_string(static_cast<int32_t>(*query.outcome)) + ")" : "";
  const std::string answer = cluster->Ask(
      "SELECT " + columns +
      "toUInt64(sumIf(connections, kind < 2)) AS counted, toUInt64(sumIf(connections, kind = 0)), "
      "toUInt64(sumIf(connections, kind = 2)), toUInt64(sumIf(connections, kind < 2 AND decided_s > " +
      std::to_string(now_s) + ")) FROM " + CountsOf(cluster->settings(), query, tags, grain) +
      " WHERE connections > 0" + selected + " GROUP BY " + by + " ORDER BY counted DESC, " + by + " FORMAT RowBinary");
  Attribution out;
  RowReader row(answer);
  while (row.More()) {
    AttributionGroup group;
    for (const std::string& dimension : query.group_by) {
      group.values.push_back(NameOfNumber(dimension, 0) ? *NameOfNumber(dimension, row.Number<int64_t>()) : row.Text());
    }
    group.connections = row.U64();
    out.connections += group.connections;
    out.reported += row.U64();
    out.unjoined_server_records += row.U64();
    out.pending += row.U64();
    if (group.connections != 0 && out.groups.size() < kMaxGroups) out.groups.push_back(std::move(group));
  }
  return out;
}

std::vector<Finding> ReadFindings(Cluster* cluster, const ConnectionFilter& filter) {
  // One question, so that all findings speak of the same moment.
  std::string columns = "network, endpoint, toUInt64(sumIf(connections, " + kIsDrop +
                        ")), toUInt64(sumIf(connections, " +
                        "kind = 0)), toUInt64(sumIf(connections, kind = 0 AND cause IN (" + ResetCauses() +
                        "))), toUInt64(sumIf(connections, cause IN (" + ResetCauses() + ") AND " + kIsDrop + "))";
  for (const FindingText& text : kFindings) {
    const std::string shows = "bitAnd(findings, " + std::to_string(text.bit) + ") != 0";
    columns += ", toUInt64(sumIf(connections, " + shows + ")), toUInt64(sumIf(connections, " + shows + " AND " +
               kIsDrop + "))";
  }
  const std::string answer =
      cluster->Ask("SELECT " + columns + " FROM " + CountsOf(cluster->settings(), filter, {}, Grain::kFine) +
                   " WHERE connections > 0 GROUP BY network, endpoint FORMAT RowBinary");
  std::map<std::string, NetworkCount> networks;
  std::array<std::map<std::string, uint64_t>, kFindingTexts> endpoints;
  std::array<Finding, kFindingTexts> found;
  uint64_t drops = 0;
  RowReader row(answer);
  while (row.More()) {
    NetworkCount network;
    network.label = row.Text();
    const std::string endpoint = row.Text();
    drops += row.U64();
    NetworkCount& sum = networks[network.label];
    sum.label = network.label;
    sum.connections += row.U64();
    sum.resets += row.U64();
    sum.dropped += row.U64();
    for (size_t i = 0; i < found.size(); ++i) {
      const uint64_t count = row.U64();
      found[i].count += count;
      found[i].dropped += row.U64();
      if (count != 0) endpoints[i][endpoint] += count;
    }
  }
  std::vector<Finding> findings;
  for (size_t i = 0; i < found.size(); ++i) {
    if (kFindings[i].bit == 0 || found[i].count == 0) continue;
    found[i].text = &kFindings[i];
    found[i].who_is = "endpoint";
    found[i].drops = drops;
    for (const auto& [label, count] : endpoints[i]) found[i].who.push_back({label, count});
    std::stable_sort(found[i].who.begin(), found[i].who.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    if (found[i].who.size() > kMaxNamed) found[i].who.resize(kMaxNamed);
    findings.push_back(std::move(found[i]));
  }
  std::vector<NetworkCount> by_resets;
  for (const auto& [label, network] : networks) by_resets.push_back(network);
  std::stable_sort(by_resets.begin(), by_resets.end(),
                   [](const auto& a, const auto& b) { return a.resets > b.resets; });
  if (std::optional<Finding> resets = FindResetsOnOneNetwork(by_resets, drops)) findings.push_back(std::move(*resets));
  return findings;
}

}  // namespace whydrop::collector::clickhouse
