#include "samples/collector/store/sqlite/findings.h"

#include "samples/collector/model/findings.h"
#include "samples/collector/store/groups.h"
#include "samples/collector/store/sqlite/filters.h"

namespace whydrop::collector {
namespace {

uint64_t CountAt(const Statement& row, int column) { return static_cast<uint64_t>(row.IntAt(column)); }

// Dropped and recovered ones: both interrupted a game.
const std::string kIsDrop = "(kind < 2 AND outcome IN (" + std::to_string(static_cast<int>(Outcome::kDropped)) + ", " +
                            std::to_string(static_cast<int>(Outcome::kRecovered)) + "))";

uint64_t CountDrops(const Database& db, const ConnectionFilter& filter) {
  Statement drops(db, "SELECT sum(count) FROM connections WHERE " + kIsDrop + ConnectionConditions(filter));
  BindConnectionFilter(filter, &drops);
  drops.Step();
  return CountAt(drops, 0);
}

void ReadOfConnections(const Database& db, const ConnectionFilter& filter, const FindingText& text, uint64_t drops,
                       std::vector<Finding>* out) {
  Statement rows(db, "SELECT endpoint, sum(count), sum(CASE WHEN " + kIsDrop +
                         " THEN count ELSE 0 END) FROM connections WHERE findings & " + std::to_string(text.bit) +
                         " <> 0" + ConnectionConditions(filter) + " GROUP BY endpoint ORDER BY 2 DESC, 1");
  BindConnectionFilter(filter, &rows);
  Finding finding{&text, "endpoint", 0, 0, drops, {}};
  while (rows.Step()) {
    finding.count += CountAt(rows, 1);
    finding.dropped += CountAt(rows, 2);
    if (finding.who.size() < kMaxNamed) finding.who.push_back({rows.TextAt(0), CountAt(rows, 1)});
  }
  if (finding.count != 0) out->push_back(std::move(finding));
}

// Resets that nobody is known to have sent.
const std::string kIsReset = "cause IN (" + ResetCauses() + ")";

void ReadResetsByNetwork(const Database& db, const ConnectionFilter& filter, uint64_t drops,
                         std::vector<Finding>* out) {
  Statement rows(db, "SELECT network, sum(count), sum(CASE WHEN " + kIsReset +
                         " THEN count ELSE 0 END), sum(CASE WHEN " + kIsReset + " AND " + kIsDrop +
                         " THEN count ELSE 0 END) FROM connections WHERE kind = 0" + ConnectionConditions(filter) +
                         " GROUP BY network ORDER BY 3 DESC, 1");
  BindConnectionFilter(filter, &rows);
  std::vector<NetworkCount> networks;
  while (rows.Step()) networks.push_back({rows.TextAt(0), CountAt(rows, 1), CountAt(rows, 2), CountAt(rows, 3)});
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
