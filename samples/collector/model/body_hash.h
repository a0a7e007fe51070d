// SHA-256 of a batch's body, by OpenSSL: it uses the processor's own instructions, which portable code cannot.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_BODY_HASH_H
#define WHYDROP_COLLECTOR_BODY_HASH_H

#include <string_view>

#include "samples/collector/model/records.h"

namespace whydrop::collector {

BodyHash HashBody(std::string_view body);

}  // namespace whydrop::collector

#endif
