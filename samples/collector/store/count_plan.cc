#include "samples/collector/store/count_plan.h"

#include <set>

#include "samples/collector/store/groups.h"

namespace whydrop::collector {
namespace {

using Bound = std::optional<int64_t>;

// `step` is the place of the largest counts to use for this part of the time.
void Cover(const std::vector<int64_t>& steps, Bound from, Bound to, size_t step, std::vector<CountSpan>* spans) {
  if (step == steps.size()) return spans->push_back({0, from, to});
  const int64_t step_s = steps[step] * kHourS;
  const Bound first = from ? Bound(-FloorDiv(-*from, step_s) * step_s) : std::nullopt;
  const Bound end = to ? Bound(FloorDiv(*to, step_s) * step_s) : std::nullopt;
  if (first && end && *first >= *end) return Cover(steps, from, to, step + 1, spans);
  spans->push_back({steps[step], first, end});
  if (first && *from < *first) Cover(steps, from, first, step + 1, spans);
  if (end && *end < *to) Cover(steps, end, to, step + 1, spans);
}

}  // namespace

std::string FindingFacet(uint32_t bit) { return kFindingFacet + std::to_string(bit); }

bool IsFacet(const std::string& dimension) {
  return dimension == kEndpointFacet || dimension == kNetworkFacet || IsTag(dimension);
}

CountPlan PlanCounts(const CountQuery& query) {
  CountPlan plan;
  std::set<std::string> facets;
  bool by_hour = false;
  for (const std::string& dimension : query.dimensions) {
    if (IsFacet(dimension)) facets.insert(dimension);
    by_hour = by_hour || dimension == "hour";
  }
  if (!query.endpoint.empty()) facets.insert(kEndpointFacet), plan.value = query.endpoint;
  for (const auto& [key, value] : query.tags) facets.insert(kTagPrefix + key), plan.value = value;
  if (query.finding != 0) {
    facets.erase(kEndpointFacet);
    facets.insert(FindingFacet(query.finding));
  }
  std::vector<int64_t> steps;
  if (facets.size() <= 1 && (!by_hour || facets.empty())) {
    if (!facets.empty()) plan.facet = *facets.begin();
    if (!by_hour) steps.push_back(kHoursOfDay);
    if (facets.empty()) steps.push_back(1);
  }
  Cover(steps, query.from, query.to, 0, &plan.spans);
  return plan;
}

}  // namespace whydrop::collector
