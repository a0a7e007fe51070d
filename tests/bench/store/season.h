// A season of a game as its players and servers report it: versions come and go, gates and networks differ in size, a
// newer version crashes more. The same number of connections makes the same season.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_TESTS_BENCH_STORE_SEASON_H
#define WHYDROP_TESTS_BENCH_STORE_SEASON_H

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "samples/collector/model/records.h"

namespace whydrop::collector {

// How one connection ended, as each end saw it, and how often that happens.
struct Ending {
  int weight;
  std::string client;  // whydrop.v1.Evidence
  std::string server;  // "": the server's record never came
  int32_t session_end;
};

class Season {
 public:
  explicit Season(uint64_t connections);

  // One player's session, and the part of a server's report that tells of the same connections.
  void Next(int64_t now_s, Batch* client, std::vector<ConnectionRecord>* server, int64_t* age_s);
  Batch MakeServer(int64_t now_s, int64_t age_s, std::vector<ConnectionRecord> records);

 private:
  // 0 most often, the others less and less.
  size_t Zipf(size_t count);

  const uint64_t players_;
  const std::vector<Ending> endings_;
  std::vector<int> weights_;
  std::mt19937_64 random_{7};
  uint64_t sessions_ = 0;  // of players and servers
  uint64_t seen_ = 0;      // players
};

}  // namespace whydrop::collector

#endif
