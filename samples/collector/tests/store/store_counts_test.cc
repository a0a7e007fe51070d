// Whatever a store keeps beside its rows to answer quickly, the answers are those of the rows.
#include <algorithm>
#include <map>

#include "samples/collector/tests/store/store_traffic.h"

using namespace whydrop;
using namespace whydrop::collector;

namespace {

using Groups = std::map<std::vector<std::string>, uint64_t>;

class CountsFixture : public StoreFixture {
 public:
  CountsFixture() {
    for (int step = 0; step < 120; ++step) {
      Submit(traffic.Next(*this));
      now += traffic.Below(5000);
    }
    store->Settle();
  }

  void Submit(Batch batch) {
    std::promise<void> done;
    REQUIRE(store->Submit(std::move(batch), [&done](StoreVerdict) { done.set_value(); }));
    done.get_future().wait();
  }

  AttributionQuery Narrow() {
    AttributionQuery query;
    if (traffic.Below(3) == 0) query.app_id = "game";
    if (traffic.Below(4) == 0) query.app_version = "1.1";
    if (traffic.Below(4) == 0) query.platform = static_cast<int32_t>(traffic.Below(4));
    if (traffic.Below(4) == 0) query.endpoint = "gate-1";
    if (traffic.Below(3) == 0) query.outcome = Outcome::kDropped;
    if (traffic.Below(2) == 0) query.from = now - traffic.Below(8 * static_cast<uint32_t>(kDay));
    if (traffic.Below(2) == 0) query.to = now - traffic.Below(4 * static_cast<uint32_t>(kDay));
    return query;
  }

  // By the first `dimensions` of the values, the others summed up.
  static Groups Of(const Attribution& answer, size_t dimensions) {
    Groups groups;
    for (const AttributionGroup& group : answer.groups) {
      groups[{group.values.begin(), group.values.begin() + static_cast<std::ptrdiff_t>(dimensions)}] +=
          group.connections;
    }
    return groups;
  }

  StoreTraffic traffic{7};
};

bool Matches(const ConnectionRow& row, const AttributionQuery& query) {
  const auto is = [](const std::string& wanted, const std::string& value) { return wanted.empty() || wanted == value; };
  return is(query.app_id, row.app_id) && is(query.app_version, row.app_version) && is(query.endpoint, row.endpoint) &&
         (!query.platform || *query.platform == row.platform) && (!query.outcome || *query.outcome == row.outcome) &&
         (!query.from || row.at_s >= *query.from) && (!query.to || row.at_s < *query.to);
}

}  // namespace

TEST_CASE_FIXTURE(CountsFixture, "counts are those of the single connections, whatever is asked for") {
  std::vector<ConnectionRow> rows;
  store->VisitConnections({}, [&rows](const ConnectionRow& row) {
    rows.push_back(row);
    return true;
  });
  for (int round = 0; round < 60; ++round) {
    AttributionQuery query = Narrow();
    query.group_by = {"cause", "outcome", "app_version", "server_error"};
    const Attribution answer = store->QueryAttribution(query);
    Groups wanted;
    uint64_t connections = 0, reported = 0;
    for (const ConnectionRow& row : rows) {
      if (row.unjoined || !Matches(row, query)) continue;
      wanted[{CauseName(row.cause), OutcomeName(row.outcome), row.app_version, row.server_error}] += row.connections;
      connections += row.connections;
      if (row.reported) reported += row.connections;
    }
    CHECK(Of(answer, 4) == wanted);
    CHECK(answer.connections == connections);
    CHECK(answer.reported == reported);
  }
}

TEST_CASE_FIXTURE(CountsFixture, "the newest connections are all that match, whatever is asked for") {
  for (int round = 0; round < 60; ++round) {
    AttributionQuery query = Narrow();
    if (traffic.Below(3) == 0) query.tags = {{"gpu", "v1"}};
    query.group_by = {"cause"};
    ConnectionQuery wanted;
    static_cast<ConnectionFilter&>(wanted) = query;
    wanted.outcome = query.outcome;
    const Attribution counted = store->QueryAttribution(query);
    if (traffic.Below(2) == 0) wanted.cause = WHYDROP_CAUSE_CLIENT_CRASH;
    const std::vector<ConnectionRow> all = store->RecentConnections(wanted, 1000);
    uint64_t connections = 0;
    for (const ConnectionRow& row : all) {
      CHECK(Matches(row, query));
      CHECK((!wanted.cause || row.cause == *wanted.cause));
      if (!row.unjoined) connections += row.connections;
    }
    uint64_t expected = counted.connections;
    if (wanted.cause) {
      const Groups groups = Of(counted, 1);
      const auto found = groups.find({CauseName(*wanted.cause)});
      expected = found == groups.end() ? 0 : found->second;
    }
    CHECK(connections == expected);
    const std::vector<ConnectionRow> few = store->RecentConnections(wanted, 3);
    REQUIRE(few.size() == std::min<size_t>(3, all.size()));
    for (size_t i = 0; i < few.size(); ++i) CHECK(few[i].at_s == all[i].at_s);
    for (size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].at_s >= all[i].at_s);
  }
}

TEST_CASE_FIXTURE(CountsFixture, "a coarse answer is the sum of a fine one, for every dimension and filter") {
  for (const std::string dimension : {"cause", "side", "outcome", "app_version", "endpoint", "network", "platform",
                                      "day", "hour", "server_error", "tag:gpu", "tag:map", "tag:nobody"}) {
    for (int round = 0; round < 8; ++round) {
      CAPTURE(dimension);
      AttributionQuery query = Narrow();
      if (traffic.Below(3) == 0) query.tags = {{"gpu", "v1"}};
      query.group_by = {dimension};
      const Attribution coarse = store->QueryAttribution(query);
      for (const char* more : {"endpoint", "network", "tag:gpu", "tag:map", "hour", "cause"}) {
        if (dimension != more) query.group_by.push_back(more);
      }
      const Attribution fine = store->QueryAttribution(query);
      CHECK(Of(coarse, 1) == Of(fine, 1));
      CHECK(coarse.connections == fine.connections);
      CHECK(coarse.reported == fine.reported);
      CHECK(coarse.unjoined_server_records == fine.unjoined_server_records);
    }
  }
}

TEST_CASE_FIXTURE(CountsFixture, "a finding's connections and the ends of sessions are the same in parts of the time") {
  const int64_t middle = now - 2 * kDay + 1234;
  SessionFilter before, after;
  before.to = middle;
  after.from = middle;
  const auto sessions = [this](const SessionFilter& filter) {
    uint64_t sum = 0;
    for (const SessionEndGroup& group : store->QuerySessionEnds(filter)) sum += group.sessions;
    return sum;
  };
  CHECK(sessions({}) > 0);
  CHECK(sessions({}) == sessions(before) + sessions(after));
  const auto lingering = [this](const SessionFilter& of_time, const std::string& endpoint) {
    ConnectionFilter filter;
    static_cast<SessionFilter&>(filter) = of_time;
    filter.endpoint = endpoint;
    for (const Finding& finding : store->QueryFindings(filter)) {
      if (finding.text->bit == kLingerZero) return finding.count;
    }
    return uint64_t{0};
  };
  CHECK(lingering({}, "") > 0);
  CHECK(lingering({}, "") == lingering(before, "") + lingering(after, ""));
  CHECK(lingering({}, "gate-1") == lingering(before, "gate-1") + lingering(after, "gate-1"));
  CHECK(lingering({}, "") == lingering({}, "gate-0") + lingering({}, "gate-1") + lingering({}, "gate-2"));
}
