#include "close_lab/cases.h"

namespace close_lab {

std::vector<Experiment> AllExperiments() {
  std::vector<Experiment> all;
  for (const CaseTable& table : {StudyCases()}) {
    for (const Case* it = table.begin; it != table.end; ++it) all.push_back({it->id, it, Family::kIpv4});
  }
  return all;
}

}  // namespace close_lab
