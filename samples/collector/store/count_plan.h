// How counts answer a question, the same for every engine.
//
// What is counted, connections and sessions, is counted by the hour of its end, and by the day once for every facet it
// has. A facet is one more dimension beside those that every count has (app, version, platform, kind, outcome, cause,
// the server's error): none, its endpoint, its network, each of its tags, each finding that it shows. So a question
// that names one of these is answered from counts; for two at once the rows are read.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_STORE_COUNT_PLAN_H
#define WHYDROP_COLLECTOR_STORE_COUNT_PLAN_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samples/collector/store/store.h"

namespace whydrop::collector {

inline constexpr int64_t kHourS = 3600;
inline constexpr int64_t kHoursOfDay = 24;
inline constexpr int64_t kDayS = kHoursOfDay * kHourS;

// Whole ones, also of a time before 1970.
inline int64_t FloorDiv(int64_t number, int64_t by) { return number / by - (number % by < 0 ? 1 : 0); }

inline const std::string kEndpointFacet = "endpoint";
inline const std::string kNetworkFacet = "network";
inline const std::string kFindingFacet = "finding:";  // and the bit; its value is the endpoint
std::string FindingFacet(uint32_t bit);

// One that can stand among the dimensions of a question: an endpoint, a network or a tag.
bool IsFacet(const std::string& dimension);

enum class CountedKind { kConnections, kClientSessions };

struct CountQuery : ConnectionFilter {
  CountedKind of = CountedKind::kConnections;
  std::vector<std::string> dimensions;  // as group_by; the end of a session is its cause
  std::optional<Outcome> outcome;       // server records without a token are counted whatever theirs is
  uint32_t finding = 0;                 // the bit of one that they show; 0: any or none
};

// A part of the time asked for, and where it is counted.
struct CountSpan {
  int64_t hours = 0;                // of the counts: 24 or 1; 0: rows
  std::optional<int64_t> from, to;  // unix seconds: of whole counts, unless it is rows
};

struct CountPlan {
  std::string facet;                 // of the counts by the day, "": none
  std::optional<std::string> value;  // of the facet, where one alone is asked for
  std::vector<CountSpan> spans;      // as many whole days as there are, then hours beside them, then rows
};

CountPlan PlanCounts(const CountQuery& query);

}  // namespace whydrop::collector

#endif
