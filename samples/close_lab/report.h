// How a peer records and reports: whydrop, with a transport that posts from the network where the collector is.
//
// A peer lives in a network without a way to the collector. As a game with an HTTP client of its own would, it hands
// whydrop a transport; that one goes through the home network, for the time of the exchange and on whydrop's thread
// only. Nothing is sent until it is asked for.
#ifndef SAMPLES_CLOSE_LAB_REPORT_H
#define SAMPLES_CLOSE_LAB_REPORT_H

#include "close_lab/peer.h"

namespace close_lab {

bool StartRecording(const PeerSettings& settings);
// Seals what this process recorded, harvests what earlier ones left, sends all of it. False: something is left.
bool FlushReports();

}  // namespace close_lab

#endif
