#include "samples/collector/config/sources.h"

#include <fstream>
#include <sstream>

namespace whydrop::collector {
namespace {

constexpr const char* kFileSuffix = "-file";

std::string Trimmed(const std::string& line) {
  const size_t first = line.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// One value on each line; empty lines and those that begin with '#' say nothing.
void AddLinesOf(const std::string& path, const std::string& name, const Setting& named_by, Settings* out) {
  std::ifstream file(path);
  if (!file) throw ConfigError(named_by.where + ": cannot read '" + path + "'");
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    const std::string value = Trimmed(line);
    if (value.empty() || value[0] == '#') continue;
    (*out)[name].push_back({value, path + " line " + std::to_string(number) + " (" + named_by.where + ")"});
  }
  if (file.bad()) throw ConfigError(named_by.where + ": cannot read '" + path + "'");
  if (out->count(name) == 0) throw ConfigError(named_by.where + ": nothing stands in '" + path + "'");
}

}  // namespace

const OptionRow* FindOption(const std::string& name) {
  for (const OptionRow& row : OptionTable()) {
    if (name == row.name || (row.secrecy != Secrecy::kOpen && name == std::string(row.name) + kFileSuffix)) return &row;
  }
  return nullptr;
}

void AddSetting(const std::string& name, const Setting& setting, Settings* out) {
  const OptionRow* row = FindOption(name);
  if (row == nullptr) throw ConfigError(setting.where + " is no option");
  if (setting.value.empty()) throw ConfigError(setting.where + ": the value is empty");
  if (name == row->name) {
    (*out)[name].push_back(setting);
  } else {
    AddLinesOf(setting.value, row->name, setting, out);
  }
}

Settings ReadEnvironment(const Environment& environment) {
  const std::string prefix = kEnvironmentPrefix;
  Settings settings;
  for (const auto& [variable, text] : environment) {
    std::string name;
    for (const char c : variable.substr(prefix.size())) {
      name += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : '?';
    }
    const OptionRow* row = FindOption(name);
    if (row == nullptr || row->arity == Arity::kOne || name != row->name) {
      AddSetting(name, {text, variable}, &settings);
      continue;
    }
    std::istringstream words(text);
    for (std::string word; words >> word;) AddSetting(name, {word, variable}, &settings);
  }
  return settings;
}

}  // namespace whydrop::collector
