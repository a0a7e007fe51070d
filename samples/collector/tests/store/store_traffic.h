// A small world whose players and servers report again and again, late, twice and in every order: what a store must
// count right after any number of steps. The same seed makes the same world.
#ifndef WHYDROP_COLLECTOR_TESTS_STORE_TRAFFIC_H
#define WHYDROP_COLLECTOR_TESTS_STORE_TRAFFIC_H

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/tests/store/store_fixture.h"

namespace whydrop::collector {

class StoreTraffic {
 public:
  explicit StoreTraffic(uint32_t seed) : random_(seed) {}

  // A report of one of a few sessions, so that most sessions report several times and most tokens have two ends.
  Batch Next(const StoreFixture& of) {
    const bool server = Below(3) == 0;
    const char session = static_cast<char>((server ? 'A' : 'a') + static_cast<char>(Below(20)));
    Batch batch = server ? of.MakeServer(session, static_cast<char>('m' + static_cast<char>(Below(3))), 'b', Below(4))
                         : of.Make(session, Below(3));
    batch.sha256[1] = static_cast<uint8_t>(++sent_);
    batch.sha256[2] = static_cast<uint8_t>(sent_ >> 8);
    batch.key.part = Below(3);
    batch.session.app_id = Below(8) == 0 ? "other" : "game";
    batch.session.app_version = "1." + std::to_string(Below(3));
    batch.session.platform = static_cast<int32_t>(Below(5));
    batch.reference_unix_s -= Below(2) == 0 ? 0 : Below(3 * static_cast<uint32_t>(kDay));
    constexpr int32_t kEnds[] = {0, WHYDROP_CAUSE_CLIENT_CRASH, WHYDROP_CAUSE_CLIENT_KILLED, WHYDROP_CAUSE_CLEAN_EXIT};
    batch.session.end = kEnds[Below(4)];
    for (const char* key : {"gpu", "map"}) {
      if (Below(3) != 0) batch.session.tags.emplace_back(key, "v" + std::to_string(Below(3)));
    }
    for (uint32_t count = Below(4); count > 0; --count) batch.connections.push_back(NextRecord());
    if (Below(6) == 0) {
      batch.close_totals.push_back(
          {"gate-1", Below(2) == 0 ? WHYDROP_CAUSE_CONNECT_REFUSED : 9999, Below(5) + 1, 1000});
    }
    return batch;
  }

  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

 private:
  ConnectionRecord NextRecord() {
    const uint32_t number = 1 + Below(6);
    const std::string token = Below(3) == 0 ? "" : Id(static_cast<char>('0' + static_cast<char>(Below(20))));
    ConnectionRecord record = Below(4) == 0   ? OpenRecord(number, token)
                              : Below(3) == 0 ? ResetRecord(number, token)
                              : Below(3) == 0 ? CrashedRecord(number, token)
                                              : Record(number, token);
    if (Below(4) == 0) AddEvidence({"\x98\x02\x01", 3}, &record);  // linger_zero: a finding
    record.previous = Below(6) == 0 ? 1 + Below(6) : 0;
    record.endpoint = "gate-" + std::to_string(Below(3));
    record.network = Below(2) == 0 ? "" : "isp-" + std::to_string(Below(2));
    return record;
  }

  std::mt19937 random_;
  uint32_t sent_ = 0;
};

}  // namespace whydrop::collector

#endif
