#include "ring/ring_layout.h"

namespace whydrop {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMinSlots = 64;

}  // namespace

bool PlanRing(size_t total_bytes, uint32_t max_connections, RingLayout* out) {
  RingLayout plan;
  plan.total_bytes = total_bytes;
  plan.max_connections = max_connections;
  plan.life = kHeaderBytes;
  plan.tags = plan.life + kLifeBytes;
  plan.connections = plan.tags + kTagsBytes;
  // The number may be a lie from a file: it is bounded by the bytes before anything is calculated with it.
  if (max_connections == 0 || max_connections > total_bytes / kConnectionBytes) return false;
  const size_t table_end = plan.connections + max_connections * kConnectionBytes;
  plan.totals = (table_end + kPage - 1) / kPage * kPage;
  plan.key = plan.totals + kTotalsBytes;
  if (plan.key >= total_bytes) return false;
  const size_t slots = (total_bytes - plan.key) / kSlotBytes;
  if (slots < 2 * kMinSlots || slots > UINT32_MAX) return false;
  const size_t third = slots / 3;
  plan.key_slots = static_cast<uint32_t>(third > kMinSlots ? third : kMinSlots);
  plan.flow_slots = static_cast<uint32_t>(slots - plan.key_slots);
  plan.flow = plan.key + plan.key_slots * kSlotBytes;
  *out = plan;
  return true;
}

}  // namespace whydrop
