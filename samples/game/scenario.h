// The ways in which a player's game may end, by name, for `game_client --scenario`.
#ifndef SAMPLES_GAME_SCENARIO_H
#define SAMPLES_GAME_SCENARIO_H

#include <string>

namespace game {

// What the client does when the player has played for half a second.
enum class Act {
  kPlayOn,  // until somebody else ends it
  kLogout,
  kHang,                // the main loop stops
  kFreezeAfterFailure,  // plays on; when the connection has failed, stands still until it is killed
  kExitOpen,            // exit() with the connection open
  kUnderscoreExit,
  kSegfaultMain,
  kSegfaultWorker,
  kAbort,
  kUncaughtException,
  kStackOverflow,
};

struct Scenario {
  const char* name;
  const char* wish;  // what the login asks of the server, "" for good service
  Act act;
};

// nullptr for a name that is none.
const Scenario* FindScenario(const std::string& name);
// All names, separated by spaces.
std::string ScenarioNames();

// Ends the process by one of the acts from kExitOpen on; with any other it hangs.
[[noreturn]] void EndProcess(Act act);

}  // namespace game

#endif
