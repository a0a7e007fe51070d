// Replays the recorded closes: tests/golden/ground_truth/closes.txt.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "recorded_closes.h"

namespace whydrop {
namespace {

TEST_CASE("the client's verdict on the recorded closes is right, honestly wider or unknown") {
  const auto allowed = ReadAllowed();
  int living = 0, exact = 0, wider = 0, unknown = 0, undetected = 0, wrong = 0;
  for (const Close& close : ReadCloses()) {
    if (!close.has_client) continue;
    ++living;
    const Verdict verdict = ClassifyConnection(close.client);
    const std::string name = CauseName(verdict.cause);
    if (close.cause == "-" || SawNothing(close.client)) {
      CHECK_MESSAGE(name == "unknown", close.id);
      ++undetected;
      continue;
    }
    REQUIRE(allowed.count(close.cause) == 1);
    const Allowed& may = allowed.at(close.cause);
    if (IsIn(may.exact, name)) {
      ++exact;
    } else if (name == "unknown") {
      ++unknown;
      MESSAGE("unknown: " << close.id << " " << close.cause);
    } else if (IsIn(may.wider, name)) {
      ++wider;
    } else {
      ++wrong;
      MESSAGE("wrong: " << close.id << " " << close.cause << " judged " << name << " by " << std::string(verdict.rule));
    }
  }
  MESSAGE("client: " << living << " closes, exact " << exact << ", wider " << wider << ", unknown " << unknown
                     << ", undetected " << undetected << ", wrong " << wrong);
  CHECK(living == 112);
  CHECK(exact >= 73);
  CHECK(wrong == 0);
  CHECK(unknown * 20 <= living);
}

enum Ends { kServerEnd = 1, kClientEnd = 2 };

// All that a log without this library has of an end: the error's number, the end of the stream, an own time-out.
std::string ErrorSeen(bool has_record, const Evidence& e) {
  if (!has_record) return "no record";
  if (e.Has(Field::peer_closed)) return "closed";
  if (!e.Has(Field::error_kind)) return "nothing";
  return e.Has(Field::os_error) ? std::to_string(e.Get(Field::os_error)) : "own time-out";
}

// The best that any fixed mapping from error numbers to causes can do on these closes: the most frequent cause of each.
int BestMappingRight(const std::vector<Close>& closes, int ends) {
  std::map<std::string, std::map<std::string, int>> causes_of;
  for (const Close& close : closes) {
    std::string seen;
    if (ends & kServerEnd) seen += ErrorSeen(close.has_server, close.server) + "/";
    if (ends & kClientEnd) seen += ErrorSeen(close.has_client, close.client);
    ++causes_of[seen][close.cause];
  }
  int right = 0;
  for (const auto& seen : causes_of) {
    int best = 0;
    for (const auto& cause : seen.second) best = std::max(best, cause.second);
    right += best;
  }
  return right;
}

// Whether the joined verdict names the true cause.
bool IsJoinedRight(const Close& close) {
  Evidence client;
  return ClientRecord(close, &client) && close.cause == CauseName(Join(close, client).cause);
}

int JoinedRight(const std::vector<Close>& closes) {
  return static_cast<int>(std::count_if(closes.begin(), closes.end(), IsJoinedRight));
}

std::string Share(int part, size_t whole) {
  return std::to_string(part) + " of " + std::to_string(whole) + " (" +
         std::to_string(100 * static_cast<size_t>(part) / whole) + " %)";
}

TEST_CASE("both ends together are judged at least as well as the recorded data supports") {
  int both = 0, right = 0;
  for (const Close& close : ReadCloses()) {
    if (!close.has_client || !close.has_server || close.cause == "-") continue;
    ++both;
    const Verdict joined = Join(close, close.client);
    if (close.cause == CauseName(joined.cause)) {
      ++right;
    } else {
      MESSAGE("joined: " << close.id << " is " << close.cause << ", judged " << std::string(CauseName(joined.cause))
                         << " by " << std::string(joined.rule));
    }
  }
  MESSAGE("joined: " << right << " of " << both << " right");
  // The two others cannot be told apart by both ends: a middlebox's reset seen by one end only is a lost state by the
  // rules (G_rst_both_server_idle), and a lost state that drops everything looks like a broken path
  // (N_nat_strict_dropinvalid_client_talks).
  CHECK(both == 47);
  CHECK(right >= 45);
}

TEST_CASE("a client that ended before it could report is named by its next launch, whatever the server saw") {
  std::map<std::string, int> judged;
  for (const Close& close : ReadCloses()) {
    Evidence client;
    if (close.has_client || !close.has_server || !LaterEvidence(close.cause, &client)) continue;
    const Verdict joined = Join(close, client);
    CHECK_MESSAGE(std::string(CauseName(joined.cause)) == close.cause, close.id << " by " << std::string(joined.rule));
    ++judged[close.cause];
  }
  CHECK(judged["client_crash"] == 6);
  CHECK(judged["client_killed"] == 12);
  CHECK(judged["clean_exit"] == 6);
  CHECK(judged["client_hang"] == 2);
  CHECK(judged["local_close"] == 6);
  CHECK(judged["local_link_down"] == 2);
}

TEST_CASE("no wrong verdict on the recorded closes has high confidence") {
  const auto allowed = ReadAllowed();
  int high = 0, wider = 0;
  std::set<std::string> wider_causes;
  for (const Close& close : ClosesWithCause()) {
    const Allowed& may = allowed.at(close.cause);
    Evidence client;
    if (!ClientRecord(close, &client)) continue;
    for (const Verdict& verdict : {ClassifyConnection(client), Join(close, client)}) {
      if (verdict.confidence != Confidence::kHigh) continue;
      const std::string name = CauseName(verdict.cause);
      ++high;
      CHECK_MESSAGE((IsIn(may.exact, name) || IsIn(may.wider, name)),
                    close.id << " " << close.cause << " judged " << name << " by " << std::string(verdict.rule));
      if (IsIn(may.exact, name)) continue;
      ++wider;
      wider_causes.insert(name);
    }
  }
  MESSAGE("high confidence: " << high << " verdicts, of them honestly wider " << wider);
  CHECK(high > 0);
  for (const std::string& name : wider_causes) MESSAGE("wider with high confidence: " << name);
}

TEST_CASE("both ends together beat every mapping from error numbers to causes") {
  const std::vector<Close> closes = ClosesWithCause();
  const int by_server = BestMappingRight(closes, kServerEnd);
  const int by_client = BestMappingRight(closes, kClientEnd);
  const int by_both = BestMappingRight(closes, kServerEnd | kClientEnd);
  const int joined = JoinedRight(closes);
  MESSAGE("best mapping of the server's error: "
          << Share(by_server, closes.size()) << ", the client's: " << Share(by_client, closes.size())
          << ", both: " << Share(by_both, closes.size()) << "; joined verdicts: " << Share(joined, closes.size()));
  CHECK(by_server < by_client);
  CHECK(by_client < by_both);
  CHECK(by_both < joined);
}

TEST_CASE("of all closes with a server record most are named rightly once both ends have reported") {
  std::vector<Close> closes;
  for (const Close& close : ClosesWithCause()) {
    if (close.has_server) closes.push_back(close);
  }
  const int joined = JoinedRight(closes);
  MESSAGE("closes with a server record: " << Share(joined, closes.size()) << " right; best mapping of both errors: "
                                          << Share(BestMappingRight(closes, kServerEnd | kClientEnd), closes.size()));
  for (const Close& close : closes) {
    if (!IsJoinedRight(close)) MESSAGE("not right: " << close.id << ", " << close.cause);
  }
  CHECK(closes.size() == 82);
  CHECK(joined >= 79);
}

}  // namespace
}  // namespace whydrop
