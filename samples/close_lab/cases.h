// The experiments: what is done to a connection, and what its end therefore really was.
#ifndef SAMPLES_CLOSE_LAB_CASES_H
#define SAMPLES_CLOSE_LAB_CASES_H

#include <cstdint>
#include <string>
#include <vector>

#include "close_lab/topology.h"

namespace close_lab {

enum Need : uint32_t {
  kNothing = 0,
  kFirewall = 1,   // rules that drop and reject packets
  kConntrack = 2,  // address translation, and a way to make it forget
  kDestroy = 4,    // destroying another program's socket
  kBoot = 8,       // showing a program another boot id
  kRelay = 16,     // holding packets back: these cases have a round trip of 60 ms
  kTwin = 32,      // no need: the case is run over IPv6 too
};

struct Case {
  const char* id;
  const char* study;  // the study's own number of the experiment, "" for one of the further ones
  const char* title;
  const char* truth;  // a cause's name, or "-": the connection lives on, or nobody noticed
  uint32_t needs;
  // Commands, separated by ';'. They are explained in script.h.
  const char* script;
  // The joined verdict that is as near as both records can come where they cannot show the truth, and why. Mostly "".
  const char* nearest = "";
  const char* why = "";
};

// Both peers of every experiment of the study, then the further ones, each id once; those that are twins
// stand there again with the suffix _v6, over IPv6.
struct Experiment {
  std::string id;
  const Case* base;
  Family family;
};
std::vector<Experiment> AllExperiments();

// One table for each group of experiments.
struct CaseTable {
  const Case* begin;
  const Case* end;
};
CaseTable StudyCases();       // cases_study.cc
CaseTable ClientEndCases();   // cases_client.cc
CaseTable ServerEndCases();   // cases_server.cc
CaseTable PathCases();        // cases_path.cc
CaseTable LocalFaultCases();  // cases_local.cc
CaseTable ConnectCases();     // cases_connect.cc

}  // namespace close_lab

#endif
