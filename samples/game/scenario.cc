#include "game/scenario.h"

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace game {
namespace {

constexpr Scenario kScenarios[] = {
    {"play", "", Act::kPlayOn},
    {"segfault_main", "", Act::kSegfaultMain},
    {"segfault_worker", "", Act::kSegfaultWorker},
    {"abort", "", Act::kAbort},
    {"uncaught_exception", "", Act::kUncaughtException},
    {"stack_overflow", "", Act::kStackOverflow},
    {"kill9", "", Act::kPlayOn},
    {"underscore_exit", "", Act::kUnderscoreExit},
    {"exit_open", "", Act::kExitOpen},
    {"close", "", Act::kLogout},
    {"hang", "", Act::kHang},
    {"server_close", "close", Act::kPlayOn},
    {"server_close_unread", "close_unread", Act::kPlayOn},
    {"linger0", "linger0", Act::kPlayOn},
    {"transfer", "transfer", Act::kPlayOn},
    {"kick", "kick", Act::kPlayOn},
    {"server_hang", "hang", Act::kPlayOn},
    {"server_shutdown", "", Act::kPlayOn},
    {"server_killed", "", Act::kPlayOn},
    {"server_abort", "die", Act::kPlayOn},
    {"refused", "", Act::kPlayOn},
    {"cable", "", Act::kPlayOn},
    {"path_loss", "", Act::kPlayOn},
    {"net_drop_then_kill", "", Act::kFreezeAfterFailure},
    {"consent_denied", "", Act::kSegfaultMain},
};

void WriteToNull() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

// Calls itself for ever. The frame is large, so that the end of the stack comes soon; it is used after the call, so
// that no compiler makes a loop of it.
int OverflowStack(int depth) {
  volatile char frame[16 * 1024];
  frame[0] = static_cast<char>(depth);
  const int below = depth < 0 ? 0 : OverflowStack(depth + 1);
  return below + frame[0];
}

void ThrowUncaught() noexcept(false) { throw std::runtime_error("the game broke"); }

}  // namespace

const Scenario* FindScenario(const std::string& name) {
  for (const Scenario& scenario : kScenarios) {
    if (name == scenario.name) return &scenario;
  }
  return nullptr;
}

std::string ScenarioNames() {
  std::string names;
  for (const Scenario& scenario : kScenarios) names += (names.empty() ? "" : " ") + std::string(scenario.name);
  return names;
}

void EndProcess(Act act) {
  switch (act) {
    case Act::kExitOpen:
      std::exit(0);
    case Act::kUnderscoreExit:
      std::_Exit(3);
    case Act::kSegfaultMain:
      WriteToNull();
      break;
    case Act::kSegfaultWorker:
      std::thread(WriteToNull).join();
      break;
    case Act::kAbort:
      std::abort();
    case Act::kUncaughtException:
      ThrowUncaught();
      break;
    case Act::kStackOverflow:
      (void)OverflowStack(0);
      break;
    default:
      break;
  }
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace game
