// Carries out a case: makes its hosts, starts its two peers, does what the script says, lets both report, and asks the
// collector what it makes of it.
//
// A script's commands, separated by ';'; c, s and r stand for client, server and router:
//   c COMMAND, s COMMAND, both COMMAND   to the peers; their commands are listed in peer.cc
//   connect                              the server listens, the client connects, the server accepts
//   hear c|s BYTES                       until that end has received so much
//   unread-at c|s BYTES                  until so much lies there unread
//   acked c|s                            until all that it sent is acknowledged
//   arrived c|s, broken c|s              until its peer's end, or a reset, has arrived there, read or not
//   settle                               until each end has what the other sent, and all is acknowledged
//   wait MS                              time passes, and two round trips with it: where the time is the point
//   await c|s MS                         until that end saw its connection's end; MS is what it takes on a quiet machine
//   relayed COMMAND                      only where packets are held back
//   told c, untold c                     the close was announced to it, or was not: else the case has failed
//   c-signal NAME, s-signal NAME         KILL TERM STOP CONT
//   c-gone, s-gone                       that process has ended
//   s-reboot                             from now on the server's machine has another boot id
//   c-ip, r-ip, s-ip, c-fw, r-fw, s-fw   the ip and iptables tools inside that host
//   c-tool, r-tool, s-tool               any other tool there
//   c-sysctl, r-sysctl, s-sysctl KEY VALUE
// and the shorthands in script.cc. Addresses and the like are written as Topology::Fill says, {port} is the last one
// that the server listened at.
#ifndef SAMPLES_CLOSE_LAB_SCRIPT_H
#define SAMPLES_CLOSE_LAB_SCRIPT_H

#include <string>

#include "close_lab/cases.h"
#include "close_lab/verdicts.h"

namespace close_lab {

// What all runs share.
struct LabSettings {
  std::string directory;  // for state directories
  std::string program;
  std::string collector_port;
  std::string admin_port;
  int home_network = -1;
  int rtt_ms = 0;
};

// Thread rule: any thread.
Outcome RunExperiment(const Experiment& experiment, int number, const LabSettings& settings);

}  // namespace close_lab

#endif
