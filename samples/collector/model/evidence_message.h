// Evidence as it lies on the wire and in a store: whydrop.v1.Evidence.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_EVIDENCE_MESSAGE_H
#define WHYDROP_COLLECTOR_EVIDENCE_MESSAGE_H

#include <string_view>

#include "core/evidence.h"

namespace whydrop::v1 {
class Evidence;
}

namespace whydrop::collector {

// A value that exceeds what a piece of evidence holds becomes the greatest.
Evidence FromProto(const v1::Evidence& message);

// Reads the message as a store kept it; what cannot be read is absent.
Evidence DecodeEvidence(std::string_view bytes);

}  // namespace whydrop::collector

#endif
