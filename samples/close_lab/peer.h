// One end of a connection: a process that plays a little game, recorded by whydrop, and does what it is told.
//
// It is the same program as the lab, started in a network of its own. It takes commands as lines on its standard input,
// answers each with one line ("ok ..." or "no ..."), and tells the end of its connection, as its calls showed it, with
// a line of its own: "end CALL ERROR CAUSE". Its commands are listed in peer.cc.
#ifndef SAMPLES_CLOSE_LAB_PEER_H
#define SAMPLES_CLOSE_LAB_PEER_H

#include <string>
#include <vector>

namespace close_lab {

// What a peer and the relaunch of a dead one are started with.
struct PeerSettings {
  bool server = false;
  std::string app_id;
  std::string state_dir;
  std::string token;
  std::string collector_port;
  int home_network = -1;  // where the collector is; a descriptor that the process inherited
};

std::vector<std::string> PeerArguments(const std::string& program, const PeerSettings& settings, bool relaunch);

// main() of the two kinds of process, for the arguments that PeerArguments made. A relaunch is what a player does after
// the game ended: it reports what the earlier launch left, prints "ok END" or "no WHY", and ends.
int PeerMain(int argc, char** argv);

}  // namespace close_lab

#endif
