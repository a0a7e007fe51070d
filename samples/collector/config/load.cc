#include "samples/collector/config/load.h"

#include <utility>

#include "samples/collector/config/sources.h"

namespace whydrop::collector {
namespace {

struct CommandRow {
  Command command;
  const char* name;
  size_t operands;
  const char* usage;
};

constexpr CommandRow kCommands[] = {
    {kServe, "serve", 0,
     "Usage: whydrop-collector [serve] [options]\n"
     "       whydrop-collector import | export | backup | schema, each with --help\n"
     "Takes whydrop batches, joins the two ends of every connection and tells why players drop.\n"},
    {kImport, "import", 1,
     "Usage: whydrop-collector import FILE --app-id APP_ID --app-version VERSION [options]\n"
     "Takes the log of a server that does not link the SDK into the store. The same file counts once, however often\n"
     "it is imported. TRANSFER.md documents the columns.\n"},
    {kExport, "export", 0,
     "Usage: whydrop-collector export [options] > FILE\n"
     "Writes every counted connection with its verdict.\n"},
    {kBackup, "backup", 1,
     "Usage: whydrop-collector backup FILE [options]\n"
     "Copies the store to a new file while a collector serves it.\n"},
    {kSchema, "schema", 0,
     "Usage: whydrop-collector schema --store URL [--print | --apply]\n"
     "Prints the tables of a store whose engine is not embedded, or makes those that are missing on every node.\n"},
};

// What stands on the command line, before anything is looked up.
struct CommandLine {
  Command command = kServe;
  Mode mode = Mode::kRun;
  std::string config_file;
  Settings settings;
  std::vector<std::string> operands;
};

// The command that the arguments begin with; without one it serves.
const CommandRow& TakeCommand(const std::vector<std::string>& arguments, size_t* at) {
  for (const CommandRow& row : kCommands) {
    if (arguments.empty() || arguments[0] != row.name) continue;
    *at = 1;
    return row;
  }
  return kCommands[0];
}

// Takes the option at `*at`, whose value may be the next argument, and leaves `*at` at the last one taken.
void TakeFlag(const std::vector<std::string>& arguments, size_t* at, CommandLine* line) {
  const std::string& argument = arguments[*at];
  const size_t equals = argument.find('=');
  const std::string flag = argument.substr(0, equals);
  const std::string name = flag.size() > 2 ? flag.substr(2) : "";
  const OptionRow* row = FindOption(name);
  if (name != "config" && row == nullptr) throw ConfigError("unknown argument '" + flag + "'");
  if (row != nullptr && (row->commands & line->command) == 0) throw ConfigError(flag + " is no option of this command");
  if (equals == std::string::npos && ++*at >= arguments.size()) throw ConfigError(flag + " needs a value");
  const std::string value = equals == std::string::npos ? arguments[*at] : argument.substr(equals + 1);
  if (row == nullptr) {
    line->config_file = NotEmpty({value, flag}).value;
  } else {
    AddSetting(name, {value, flag}, &line->settings);
  }
}

// What may be shown of an argument that nothing takes: perhaps it is the value of a flag that was forgotten, and a
// secret.
std::string BeginOf(const std::string& argument) {
  const size_t end = argument.find_first_of("=:@");
  return end == std::string::npos ? argument : argument.substr(0, end) + "...";
}

CommandLine ReadCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  size_t at = 0;
  const CommandRow& command = TakeCommand(arguments, &at);
  line.command = command.command;
  for (; at < arguments.size(); ++at) {
    const std::string& argument = arguments[at];
    if (argument == "--help" || argument == "-h") return line.mode = Mode::kHelp, line;
    if (argument == "--version") return line.mode = Mode::kVersion, line;
    if (argument == "--check-config") {
      line.mode = Mode::kCheck;
    } else if (command.command == kSchema && (argument == "--print" || argument == "--apply")) {
      line.mode = argument == "--apply" ? Mode::kApply : Mode::kRun;
    } else if (argument.compare(0, 1, "-") == 0) {
      TakeFlag(arguments, &at, &line);
    } else if (line.operands.size() < command.operands) {
      line.operands.push_back(argument);
    } else {
      throw ConfigError("unknown argument '" + BeginOf(argument) + "'");
    }
  }
  if (line.operands.size() < command.operands && line.mode == Mode::kRun)
    throw ConfigError(std::string(command.name) + " needs a FILE");
  return line;
}

// Adds what stronger sources left open.
void AddWeaker(Settings&& weaker, Settings* settings) {
  for (auto& [name, values] : weaker) settings->try_emplace(name, std::move(values));
}

void TakeAll(const Settings& settings, Options* options) {
  for (const OptionRow& row : OptionTable()) {
    const auto found = settings.find(row.name);
    if (found == settings.end()) {
      if (row.fallback != nullptr) row.take(row.fallback, options);
      continue;
    }
    for (const Setting& setting : found->second) {
      if (row.take(setting.value, options)) continue;
      throw ConfigError(setting.where + ": '" + Showable(row, setting.value) + "' is not " + row.wanted);
    }
  }
}

void CheckPair(const Settings& settings, const char* one, const char* other) {
  const auto found = settings.find(one);
  if (found == settings.end() || settings.count(other) != 0) return;
  throw ConfigError(found->second.back().where + ": needs --" + other + " beside it");
}

std::string Quoted(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) text += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return text + "\"";
}

void AppendIndented(const std::string& text, size_t indent, std::string* out) {
  for (const char c : text) {
    *out += c;
    if (c == '\n') out->append(indent, ' ');
  }
}

}  // namespace

Loaded LoadOptions(const std::vector<std::string>& arguments, const Environment& environment) {
  CommandLine line = ReadCommandLine(arguments);
  Loaded loaded;
  loaded.command = line.command;
  loaded.mode = line.mode;
  if (loaded.mode == Mode::kHelp || loaded.mode == Mode::kVersion) return loaded;
  loaded.operands = std::move(line.operands);
  loaded.settings = std::move(line.settings);
  Environment others;
  for (const auto& variable : environment) {
    if (variable.first != std::string(kEnvironmentPrefix) + "CONFIG") {
      others.push_back(variable);
    } else if (line.config_file.empty()) {
      line.config_file = NotEmpty({variable.second, variable.first}).value;
    }
  }
  AddWeaker(ReadEnvironment(others), &loaded.settings);
  if (!line.config_file.empty()) AddWeaker(ReadConfigFile(line.config_file), &loaded.settings);
  TakeAll(loaded.settings, &loaded.options);
  CheckPair(loaded.settings, "tls-cert", "tls-key");
  CheckPair(loaded.settings, "tls-key", "tls-cert");
  return loaded;
}

std::string HelpText(Command command) {
  std::string text;
  for (const CommandRow& row : kCommands) {
    if (row.command == command) text = row.usage;
  }
  text += "\n";
  for (const OptionRow& row : OptionTable()) {
    if ((row.commands & command) == 0) continue;
    text += std::string("  --") + row.name + " " + row.argument + "\n      ";
    AppendIndented(row.help, 6, &text);
    if (row.fallback != nullptr) text += std::string(" (") + row.fallback + ")";
    if (row.arity == Arity::kMany) text += "; may be repeated";
    if (row.secrecy != Secrecy::kOpen)
      text += std::string("\n      --") + row.name + "-file FILE: one on each line of it";
    text += "\n";
  }
  return text +
         "  --config FILE\n"
         "      TOML: NAME = value, or NAME = [value, value]. The environment is asked before it:\n"
         "      WHYDROP_COLLECTOR_NAME with _ for -, several values with spaces between them. Flags come first.\n"
         "      What a source says of an option replaces all that weaker ones say of it\n"
         "  --check-config\n"
         "      read everything, print what holds and where it was said, and end\n"
         "  --help, --version\n";
}

std::string EffectiveText(const Loaded& loaded) {
  std::string text;
  for (const OptionRow& row : OptionTable()) {
    if ((row.commands & loaded.command) == 0) continue;
    const auto found = loaded.settings.find(row.name);
    if (found == loaded.settings.end()) {
      if (row.fallback != nullptr) text += std::string(row.name) + " = " + Quoted(row.fallback) + "  # default\n";
      continue;
    }
    if (row.arity == Arity::kOne) {
      const Setting& last = found->second.back();
      text += std::string(row.name) + " = " + Quoted(Showable(row, last.value)) + "  # " + last.where + "\n";
      continue;
    }
    text += std::string(row.name) + " = [\n";
    for (const Setting& setting : found->second) {
      text += "  " + Quoted(Showable(row, setting.value)) + ",  # " + setting.where + "\n";
    }
    text += "]\n";
  }
  return text;
}

}  // namespace whydrop::collector
