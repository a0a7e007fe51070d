#include "samples/collector/config/sources.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace whydrop::collector {
namespace {

constexpr const char* kFileSuffix = "-file";

std::string Trimmed(const std::string& line) {
  const size_t first = line.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// One value on each line; empty lines and those that begin with '#' say nothing.
void AddLinesOf(const OptionRow& row, const Setting& named_by, Settings* out) {
  const std::string& path = named_by.value;
  std::ifstream file(path);
  if (!file) throw ConfigError(named_by.where + ": cannot read '" + path + "'");
  std::vector<Setting> found;
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    const std::string value = Trimmed(line);
    if (value.empty() || value[0] == '#') continue;
    found.push_back({value, path + " line " + std::to_string(number) + " (" + named_by.where + ")"});
  }
  if (file.bad()) throw ConfigError(named_by.where + ": cannot read '" + path + "'");
  if (found.empty()) throw ConfigError(named_by.where + ": nothing stands in '" + path + "'");
  if (row.arity == Arity::kOne && found.size() > 1) {
    throw ConfigError(found[1].where + ": takes one value, not several");
  }
  std::move(found.begin(), found.end(), std::back_inserter((*out)[row.name]));
}

}  // namespace

const OptionRow* FindOption(const std::string& name) {
  for (const OptionRow& row : OptionTable()) {
    if (name == row.name || (row.secrecy != Secrecy::kOpen && name == std::string(row.name) + kFileSuffix)) return &row;
  }
  return nullptr;
}

const Setting& NotEmpty(const Setting& setting) {
  if (setting.value.empty()) throw ConfigError(setting.where + ": the value is empty");
  return setting;
}

void AddSetting(const std::string& name, const Setting& setting, Settings* out) {
  const OptionRow* row = FindOption(name);
  if (row == nullptr) throw ConfigError(setting.where + " is no option");
  if (name == row->name) {
    (*out)[name].push_back(NotEmpty(setting));
  } else {
    AddLinesOf(*row, NotEmpty(setting), out);
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
