#include "samples/collector/metrics.h"

namespace whydrop::collector {

std::string Metrics::PrometheusText() const {
  struct Row {
    const char* name;
    const char* help;
  };
  static constexpr Row kRows[] = {
#define WHYDROP_X(enumerator, name, help) {name, help},
      WHYDROP_COLLECTOR_METRICS(WHYDROP_X)
#undef WHYDROP_X
  };
  std::string text;
  for (size_t i = 0; i < values_.size(); ++i) {
    const std::string name = std::string("whydrop_collector_") + kRows[i].name;
    text += "# HELP " + name + " " + kRows[i].help + "\n# TYPE " + name + " counter\n" + name + " " +
            std::to_string(values_[i].load(std::memory_order_relaxed)) + "\n";
  }
  return text;
}

}  // namespace whydrop::collector
