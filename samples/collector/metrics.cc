#include "samples/collector/metrics.h"

namespace whydrop::collector {
namespace {

struct Row {
  const char* name;
  const char* help;
};

std::string Head(const Row& row, const char* type) {
  const std::string name = std::string("whydrop_collector_") + row.name;
  return "# HELP " + name + " " + row.help + "\n# TYPE " + name + " " + type + "\n";
}

template <typename T, size_t N>
std::string Simple(const Row& row, const char* type, const std::array<std::atomic<T>, N>& values, size_t i) {
  const T value = values[i].load(std::memory_order_relaxed);
  return Head(row, type) + "whydrop_collector_" + row.name + " " + std::to_string(value) + "\n";
}

// Without the zeros that std::to_string puts behind.
std::string Decimal(double value) {
  std::string text = std::to_string(value);
  text.resize(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

void Metrics::ObserveAnswer(std::chrono::steady_clock::duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  size_t bucket = 0;
  while (bucket < kAnswerBounds.size() && seconds > kAnswerBounds[bucket]) ++bucket;
  answers_[bucket].fetch_add(1, std::memory_order_relaxed);
  answers_us_.fetch_add(static_cast<uint64_t>(seconds * 1e6), std::memory_order_relaxed);
}

std::string Metrics::PrometheusText() const {
  static constexpr Row kCounters[] = {
#define WHYDROP_X(enumerator, name, help) {name, help},
      WHYDROP_COLLECTOR_METRICS(WHYDROP_X)};
  static constexpr Row kGauges[] = {WHYDROP_COLLECTOR_GAUGES(WHYDROP_X)
#undef WHYDROP_X
  };
  std::string text;
  for (size_t i = 0; i < values_.size(); ++i) text += Simple(kCounters[i], "counter", values_, i);
  for (size_t i = 0; i < gauges_.size(); ++i) text += Simple(kGauges[i], "gauge", gauges_, i);
  const Row answers{"answer_seconds", "From the last byte of a batch to its answer."};
  text += Head(answers, "histogram");
  uint64_t sum = 0;
  for (size_t i = 0; i < answers_.size(); ++i) {
    sum += answers_[i].load(std::memory_order_relaxed);
    const std::string bound = i < kAnswerBounds.size() ? Decimal(kAnswerBounds[i]) : "+Inf";
    text += "whydrop_collector_answer_seconds_bucket{le=\"" + bound + "\"} " + std::to_string(sum) + "\n";
  }
  text += "whydrop_collector_answer_seconds_sum " +
          Decimal(static_cast<double>(answers_us_.load(std::memory_order_relaxed)) / 1e6) + "\n";
  return text + "whydrop_collector_answer_seconds_count " + std::to_string(sum) + "\n";
}

}  // namespace whydrop::collector
