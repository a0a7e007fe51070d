// whydrop-collector: takes batches on one address and tells why players drop on another.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "samples/collector/config/load.h"
#include "samples/collector/log_line.h"
#include "samples/collector/serve.h"
#include "samples/collector/store/store.h"
#include "samples/collector/transfer/commands.h"

namespace whydrop::collector {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

Environment OwnEnvironment() {
  Environment found;
  const std::string prefix = kEnvironmentPrefix;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const size_t equals = text.find('=');
    if (equals == std::string::npos || text.compare(0, prefix.size(), prefix) != 0) continue;
    found.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

int Act(const Loaded& loaded) {
  switch (loaded.mode) {
    case Mode::kHelp:
      std::fputs(HelpText(loaded.command).c_str(), stdout);
      return 0;
    case Mode::kVersion:
      std::puts("whydrop-collector " WHYDROP_COLLECTOR_VERSION);
      return 0;
    case Mode::kCheck:
      CheckFiles(loaded.options);
      std::fputs(EffectiveText(loaded).c_str(), stdout);
      return 0;
    case Mode::kApply:
      ApplySchema(loaded.options.store_url);
      return 0;
    case Mode::kRun:
      if (loaded.command == kSchema) {
        std::fputs(SchemaText(loaded.options.store_url).c_str(), stdout);
        return 0;
      }
      ConfigureLog(loaded.options.log_level, loaded.options.log_format);
      break;
  }
  if (loaded.command != kServe) return RunCommand(loaded);
  Serve(loaded.options);
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  try {
    return Act(LoadOptions(arguments, OwnEnvironment()));
  } catch (const ConfigError& error) {
    std::fprintf(stderr, "whydrop-collector: %s (see --help)\n", error.what());
    return kExitUsage;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "whydrop-collector: %s\n", failure.what());
    return kExitFailure;
  }
}

}  // namespace
}  // namespace whydrop::collector

int main(int argc, char** argv) { return whydrop::collector::Main(std::vector<std::string>(argv + 1, argv + argc)); }
