// gzip, the one place that knows zlib.
//
// Thread rule: pure.
#ifndef WHYDROP_UPLOAD_GZIP_H
#define WHYDROP_UPLOAD_GZIP_H

#include <string>

#include "platform/status.h"

namespace whydrop {

// One gzip member holding `input`, without time stamp and without the system's name: the same input gives the same
// bytes.
Status Gzip(const std::string& input, std::string* out);

}  // namespace whydrop

#endif
