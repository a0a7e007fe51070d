// From the caller's whydrop_config of whatever version to checked settings.
//
// Thread rule: as whydrop_start.
#ifndef WHYDROP_API_CONFIG_H
#define WHYDROP_API_CONFIG_H

#include "session/session.h"
#include "whydrop/whydrop.h"

namespace whydrop {

void InitConfig(whydrop_config* config, uint32_t struct_size);

// False: the log callback was told which field is wrong, and how.
bool CheckConfig(const whydrop_config* config, Settings* out);

}  // namespace whydrop

#endif
