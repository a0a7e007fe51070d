#include "samples/collector/store/clickhouse/answers/counts.h"

#include <algorithm>
#include <array>

#include "samples/collector/store/clickhouse/answers/count_sql.h"
#include "samples/collector/store/clickhouse/engine/row_binary.h"
#include "samples/collector/store/groups.h"

namespace whydrop::collector::clickhouse {
namespace {

// Dropped and recovered ones: both interrupted a game.
const std::string kIsDrop = "(kind < 2 AND outcome IN (" + std::to_string(static_cast<int>(Outcome::kDropped)) + ", " +
                            std::to_string(static_cast<int>(Outcome::kRecovered)) + "))";

std::string Column(const std::vector<std::string>& dimensions, const std::string& dimension) {
  if (dimension == "side") return "toInt64(intDiv(cause, 100))";
  if (dimension == "day") return "toString(toDate(toUInt16(intDiv(starts_s, 86400))))";
  if (dimension == "hour") return "formatDateTime(toDateTime(starts_s, 'UTC'), '%Y-%m-%dT%H:00Z', 'UTC')";
  return NameOfNumber(dimension, 0) ? "toInt64(" + dimension + ")" : FacetColumn(dimensions, dimension);
}

std::string CountIf(const std::string& condition) { return "toUInt64(sumIf(counted, " + condition + "))"; }

}  // namespace

Attribution ReadAttribution(const Question& question, const AttributionQuery& query, int64_t now_s) {
  std::string columns, by;
  for (size_t i = 0; i < query.group_by.size(); ++i) {
    const std::string name = "d" + std::to_string(i);
    columns += Column(query.group_by, query.group_by[i]) + " AS " + name + ", ";
    by += (by.empty() ? "" : ", ") + name;
  }
  CountQuery counted;
  static_cast<ConnectionFilter&>(counted) = query;
  counted.dimensions = query.group_by;
  // Server records without a token count apart, whatever their outcome.
  const std::string selected =
      query.outcome ? " WHERE kind = 2 OR outcome = " + std::to_string(static_cast<int32_t>(*query.outcome)) : "";
  const std::string answer =
      question.Ask("SELECT " + columns + CountIf("kind < 2") + " AS connections, " + CountIf("kind = 0") + ", " +
                   CountIf("kind = 2") + ", " + CountIf("kind < 2 AND decided_s > " + std::to_string(now_s)) +
                   " FROM " + CountsFor(question, counted) + selected + " GROUP BY " + by +
                   " ORDER BY connections DESC, " + by + " FORMAT RowBinary");
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

std::vector<Finding> ReadFindings(const Question& question, const ConnectionFilter& filter) {
  // One question, so that all findings speak of the same moment.
  std::vector<std::string> facets = {"", kNetworkFacet};
  for (const FindingText& text : kFindings) {
    if (text.bit != 0) facets.push_back(FindingFacet(text.bit));
  }
  const std::string reset = "cause IN (" + ResetCauses() + ")";
  const std::string answer = question.Ask(
      "SELECT facet, value, toUInt64(sum(counted)), " + CountIf(kIsDrop) + ", " + CountIf("kind = 0") + ", " +
      CountIf("kind = 0 AND " + reset) + ", " + CountIf("kind = 0 AND " + reset + " AND " + kIsDrop) + " FROM " +
      CountsByFacet(question, filter, facets) + " GROUP BY facet, value ORDER BY value FORMAT RowBinary");
  std::array<Finding, kFindingTexts> found;
  std::vector<NetworkCount> by_resets;
  uint64_t drops = 0;
  RowReader row(answer);
  while (row.More()) {
    const std::string facet = row.Text();
    const std::string value = row.Text();
    const uint64_t all = row.U64();
    const uint64_t dropped = row.U64();
    const NetworkCount network{value, row.U64(), row.U64(), row.U64()};
    if (facet.empty()) drops += dropped;
    if (facet == kNetworkFacet) by_resets.push_back(network);
    for (size_t i = 0; i < found.size(); ++i) {
      if (kFindings[i].bit == 0 || facet != FindingFacet(kFindings[i].bit) || all == 0) continue;
      found[i].count += all;
      found[i].dropped += dropped;
      found[i].who.push_back({value, all});
    }
  }
  std::vector<Finding> findings;
  for (size_t i = 0; i < found.size(); ++i) {
    if (kFindings[i].bit == 0 || found[i].count == 0) continue;
    found[i].text = &kFindings[i];
    found[i].who_is = "endpoint";
    found[i].drops = drops;
    std::stable_sort(found[i].who.begin(), found[i].who.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    if (found[i].who.size() > kMaxNamed) found[i].who.resize(kMaxNamed);
    findings.push_back(std::move(found[i]));
  }
  std::stable_sort(by_resets.begin(), by_resets.end(),
                   [](const auto& a, const auto& b) { return a.resets > b.resets; });
  if (std::optional<Finding> resets = FindResetsOnOneNetwork(by_resets, drops)) findings.push_back(std::move(*resets));
  return findings;
}

}  // namespace whydrop::collector::clickhouse
