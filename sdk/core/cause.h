// Causes, their names and sides. The values are those of whydrop.h (WHYDROP_CAUSE_*), which are also the wire's.
//
// Thread rule: pure.
#ifndef WHYDROP_CORE_CAUSE_H
#define WHYDROP_CORE_CAUSE_H

#include <cstdint>

#include "whydrop/whydrop.h"

namespace whydrop {

using Cause = whydrop_cause;

// Values are those of whydrop.v1.Confidence.
enum class Confidence : int32_t { kNone = 0, kLow = 1, kMedium = 2, kHigh = 3 };

const char* CauseName(Cause cause);              // "unknown" for an unknown value
const char* CauseSide(Cause cause);              // "unknown" for an unknown value
const char* ConfidenceName(Confidence confidence);  // "none", "low", "medium", "high"
bool IsKnownCause(Cause cause);
bool CauseFromName(const char* name, Cause* out);  // false: no such name, *out untouched

// Every known cause in the order of its value, for tables and documents. Ends at `count`.
const Cause* AllCauses(int* count);

}  // namespace whydrop

#endif
