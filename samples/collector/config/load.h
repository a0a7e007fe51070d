// Reads the options from where they stand: flags before the environment before the configuration file. What a source
// says about an option replaces all that weaker ones say about it, so a list is never half of one and half of another.
//
// Thread rule: pure, apart from the files that are named.
#ifndef WHYDROP_COLLECTOR_CONFIG_LOAD_H
#define WHYDROP_COLLECTOR_CONFIG_LOAD_H

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/config/option_table.h"

namespace whydrop::collector {

// what() is one sentence that names the source, its line and the key.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Mode { kRun, kApply /* of schema: also on the engine */, kCheck, kHelp, kVersion };

struct Setting {
  std::string value;
  std::string where;  // "--listen", "WHYDROP_COLLECTOR_LISTEN", "collector.toml line 3: listen"
};
using Settings = std::map<std::string, std::vector<Setting>>;  // by the option's name

// The variables whose names begin with kEnvironmentPrefix, whole names and values.
using Environment = std::vector<std::pair<std::string, std::string>>;
inline constexpr const char* kEnvironmentPrefix = "WHYDROP_COLLECTOR_";

struct Loaded {
  Command command = kServe;
  Mode mode = Mode::kRun;
  Options options;
  Settings settings;                  // what was given, without the defaults
  std::vector<std::string> operands;  // what stands behind the command's name without a flag
};

// `arguments` without the program's name. Throws ConfigError.
Loaded LoadOptions(const std::vector<std::string>& arguments, const Environment& environment);

std::string HelpText(Command command);

// Every option of the command with its value in the form of a configuration file and where it came from; secrets
// hidden.
std::string EffectiveText(const Loaded& loaded);

}  // namespace whydrop::collector

#endif
