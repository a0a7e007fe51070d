#include "close_lab/cases.h"

namespace close_lab {

std::vector<Experiment> AllExperiments() {
  const CaseTable kTables[] = {StudyCases(), ClientEndCases(),  ServerEndCases(),
                               PathCases(),  LocalFaultCases(), ConnectCases()};
  std::vector<Experiment> all;
  for (const CaseTable& table : kTables) {
    for (const Case* it = table.begin; it != table.end; ++it) all.push_back({it->id, it, Family::kIpv4});
  }
  for (const CaseTable& table : kTables) {
    for (const Case* it = table.begin; it != table.end; ++it) {
      if ((it->needs & kTwin) != 0) all.push_back({it->id + std::string("_v6"), it, Family::kIpv6});
    }
  }
  return all;
}

}  // namespace close_lab
