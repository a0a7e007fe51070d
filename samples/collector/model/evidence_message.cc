#include "samples/collector/model/evidence_message.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "whydrop/v1/batch.pb.h"

namespace whydrop::collector {
namespace {

template <typename T>
int64_t Narrow(T value) {
  if constexpr (std::is_same_v<T, uint64_t>) {
    return static_cast<int64_t>(std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
  } else {
    return static_cast<int64_t>(value);
  }
}

}  // namespace

Evidence FromProto(const v1::Evidence& message) {
  Evidence evidence;
#define WHYDROP_X(number, name) \
  if (message.has_##name()) evidence.Set(Field::name, Narrow(message.name()));
  WHYDROP_EVIDENCE_FIELDS(WHYDROP_X)
#undef WHYDROP_X
  return evidence;
}

Evidence DecodeEvidence(std::string_view bytes) {
  v1::Evidence message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Evidence();
  return FromProto(message);
}

}  // namespace whydrop::collector
