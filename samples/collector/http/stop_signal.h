// Waits for the signals that ask the program to end.
//
// Thread rule: from one thread.
#ifndef WHYDROP_COLLECTOR_STOP_SIGNAL_H
#define WHYDROP_COLLECTOR_STOP_SIGNAL_H

#include <chrono>
#include <memory>

namespace whydrop::collector {

// From its construction on SIGTERM and SIGINT end nothing by themselves.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();

  // Returns once one has arrived since the construction.
  void Wait();

  // Returns after the time, or earlier if another one arrives.
  void WaitAgain(std::chrono::seconds at_most);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whydrop::collector

#endif
