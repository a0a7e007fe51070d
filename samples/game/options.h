// Command lines of the form --name value and --flag, for the programs of the game.
#ifndef SAMPLES_GAME_OPTIONS_H
#define SAMPLES_GAME_OPTIONS_H

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "whydrop/whydrop.h"

namespace game {

class Options {
 public:
  // `usage` names every option: one followed by an upper-case word takes a value. Prints it and ends the program for
  // --help (status 0) and for anything it does not name (status 2).
  Options(int argc, char** argv, const std::string& usage);

  std::string Get(const std::string& name, const std::string& otherwise) const;
  uint32_t GetNumber(const std::string& name, uint32_t otherwise) const;
  bool Has(const std::string& name) const { return values_.count(name) != 0; }

 private:
  std::map<std::string, std::string> values_;
};

// "host:port" in two.
struct Address {
  std::string host;
  std::string port;
};
Address SplitAddress(const std::string& text);

// Starts whydrop with `config`, which WHYDROP_CONFIG_INIT made, and what all programs of the game have in common: name,
// version, --state-dir, --collector, warnings to stderr. The game goes on when it cannot start.
void StartWhydrop(const Options& options, whydrop_config config);

// The launch after: uploads what the last one left and says how it ended. In a real game this happens by itself, some
// seconds after the start. The exit status: 0 when nothing is left.
int Relaunch();

}  // namespace game

#endif
