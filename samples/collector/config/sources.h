// The sources of options, each read into settings by the options' names.
//
// Thread rule: pure, apart from the files that are named.
#ifndef WHYDROP_COLLECTOR_CONFIG_SOURCES_H
#define WHYDROP_COLLECTOR_CONFIG_SOURCES_H

#include <string>

#include "samples/collector/config/load.h"

namespace whydrop::collector {

// The row that `name` speaks of, for NAME-file that of NAME; nullptr: there is none.
const OptionRow* FindOption(const std::string& name);

// The setting itself. Throws ConfigError if its value is empty, as it is where a script's variable was not set.
const Setting& NotEmpty(const Setting& setting);

// Adds one value, for NAME-file the values that stand in that file. Throws ConfigError if there is no such option or
// the file cannot be read.
void AddSetting(const std::string& name, const Setting& setting, Settings* out);

// Throw ConfigError.
Settings ReadEnvironment(const Environment& environment);
Settings ReadConfigFile(const std::string& path);

}  // namespace whydrop::collector

#endif
