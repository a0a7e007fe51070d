// The configuration file is TOML, read by toml++: it knows the line of every value, and people know the language.
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>

#include "samples/collector/config/sources.h"

namespace whydrop::collector {
namespace {

std::string At(const std::string& path, const toml::source_region& source) {
  return path + " line " + std::to_string(source.begin.line);
}

void AddValue(const std::string& where, const std::string& key, const toml::node& node, Settings* out) {
  std::string text;
  if (const auto* string = node.as_string()) {
    text = string->get();
  } else if (const auto* number = node.as_integer()) {
    text = std::to_string(number->get());
  } else {
    throw ConfigError(where + ": the value must be a text or a whole number, or a list of them");
  }
  AddSetting(key, {text, where}, out);
}

}  // namespace

Settings ReadConfigFile(const std::string& path) {
  toml::table table;
  // A directory would be read like an empty file, and the collector would run with nothing but its defaults.
  std::error_code ignored;
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path, ignored)) throw ConfigError("cannot read '" + path + "'");
  try {
    table = toml::parse(file, path);
  } catch (const toml::parse_error& error) {
    throw ConfigError(At(path, error.source()) + ": " + std::string(error.description()));
  }
  Settings settings;
  for (auto&& [name, node] : table) {
    const std::string key(name.str());
    const std::string where = At(path, node.source()) + ": " + key;
    const OptionRow* row = FindOption(key);
    if (row == nullptr) throw ConfigError(where + " is no option");
    const toml::array* list = node.as_array();
    if (list == nullptr) {
      AddValue(where, key, node, &settings);
      continue;
    }
    if (row->arity == Arity::kOne) throw ConfigError(where + ": takes one value, not a list");
    for (const toml::node& element : *list) AddValue(At(path, element.source()) + ": " + key, key, element, &settings);
  }
  return settings;
}

}  // namespace whydrop::collector
