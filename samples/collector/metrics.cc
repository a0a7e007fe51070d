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

template <typename Times>
std::string Buckets(const Row& row, const Times& times) {
  const std::string name = std::string("whydrop_collector_") + row.name;
  std::string text = Head(row, "histogram");
  uint64_t sum = 0;
  for (size_t i = 0; i < times.buckets.size(); ++i) {
    sum += times.buckets[i].load(std::memory_order_relaxed);
    const std::string bound = i < kHistogramBounds.size() ? Decimal(kHistogramBounds[i]) : "+Inf";
    text += name + "_bucket{le=\"" + bound + "\"} " + std::to_string(sum) + "\n";
  }
  const auto sum_us = static_cast<double>(times.sum_us.load(std::memory_order_relaxed));
  text += name + "_sum " + Decimal(sum_us / 1e6) + "\n";
  return text + name + "_count " + std::to_string(sum) + "\n";
}

}  // namespace

void Metrics::Observe(Histogram histogram, std::chrono::steady_clock::duration took) {
  Times& times = times_[static_cast<size_t>(histogram)];
  const double seconds = std::chrono::duration<double>(took).count();
  size_t bucket = 0;
  while (bucket < kHistogramBounds.size() && seconds > kHistogramBounds[bucket]) ++bucket;
  times.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  times.sum_us.fetch_add(static_cast<uint64_t>(seconds * 1e6), std::memory_order_relaxed);
}

std::string Metrics::PrometheusText() const {
#define WHYDROP_X(enumerator, name, help) {name, help},
  static constexpr Row kCounters[] = {WHYDROP_COLLECTOR_METRICS(WHYDROP_X)};
  static constexpr Row kGauges[] = {WHYDROP_COLLECTOR_GAUGES(WHYDROP_X)};
  static constexpr Row kHistograms[] = {WHYDROP_COLLECTOR_HISTOGRAMS(WHYDROP_X)};
#undef WHYDROP_X
  std::string text = Head({"build_info", "1, with the version of the program."}, "gauge") +
                     "whydrop_collector_build_info{version=\"" WHYDROP_COLLECTOR_VERSION "\"} 1\n";
  for (size_t i = 0; i < values_.size(); ++i) text += Simple(kCounters[i], "counter", values_, i);
  for (size_t i = 0; i < gauges_.size(); ++i) text += Simple(kGauges[i], "gauge", gauges_, i);
  for (size_t i = 0; i < times_.size(); ++i) text += Buckets(kHistograms[i], times_[i]);
  return text;
}

}  // namespace whydrop::collector
