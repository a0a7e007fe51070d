// Replays the recorded closes: tests/golden/ground_truth/closes.txt.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "causes/classifier.h"

namespace whydrop {
namespace {

struct Close {
  std::string id, cause;
  bool has_client = false, has_server = false;
  Evidence client, server;
};

const char kFolder[] = WHYDROP_SOURCE_DIR "/tests/golden/ground_truth/";

bool ParseEvidence(const std::string& text, Evidence* out) {
  if (text == "-") return false;
  std::stringstream items(text);
  std::string item;
  while (std::getline(items, item, ',')) {
    const size_t equals = item.find('=');
    bool is_known = false;
    for (int number = 1; number < kFieldLimit; ++number) {
      const char* name = FieldName(number);
      if (name == nullptr || item.substr(0, equals) != name) continue;
      out->Set(static_cast<Field>(number), std::stoll(item.substr(equals + 1)));
      is_known = true;
    }
    CHECK_MESSAGE(is_known, item);
  }
  return true;
}

std::vector<Close> ReadCloses() {
  std::vector<Close> closes;
  std::ifstream file(std::string(kFolder) + "closes.txt");
  Close close;
  std::string client, server;
  while (file >> close.id >> close.cause >> client >> server) {
    close.client = close.server = Evidence();
    close.has_client = ParseEvidence(client, &close.client);
    close.has_server = ParseEvidence(server, &close.server);
    closes.push_back(close);
  }
  return closes;
}

bool IsIn(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

struct Allowed {
  std::string exact, wider;
};

std::map<std::string, Allowed> ReadAllowed() {
  std::map<std::string, Allowed> allowed;
  std::ifstream file(std::string(kFolder) + "allowed.txt");
  std::string cause, exact, wider;
  while (file >> cause >> exact >> wider) allowed[cause] = {exact, wider};
  return allowed;
}

// Nothing was reported by this end: neither an error nor a close.
bool SawNothing(const Evidence& e) { return !e.Has(Field::error_kind) && !e.Has(Field::peer_closed); }

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
      // A firewall that drops the SYN cannot be told from a path that does.
      CHECK_MESSAGE(close.id == "I_local_fw_drop",
                    close.id << " " << close.cause << " judged " << name << " by " << std::string(verdict.rule));
    }
  }
  MESSAGE("client: " << living << " closes, exact " << exact << ", wider " << wider << ", unknown " << unknown
                     << ", undetected " << undetected << ", wrong " << wrong);
  CHECK(living == 112);
  CHECK(exact >= 71);
  CHECK(wrong <= 1);
  CHECK(unknown * 20 <= living);
}

TEST_CASE("both ends together are judged at least as well as the recorded data supports") {
  int both = 0, right = 0;
  for (const Close& close : ReadCloses()) {
    if (!close.has_client || !close.has_server || close.cause == "-") continue;
    ++both;
    ServerContext context;
    context.seen = context.window_passed = true;
    context.end_recorded = !SawNothing(close.server);
    const JoinedVerdict joined = ClassifyJoined(&close.client, &close.server, context, false);
    if (close.cause == CauseName(joined.verdict.cause)) {
      ++right;
    } else {
      MESSAGE("joined: " << close.id << " is " << close.cause << ", judged "
                         << std::string(CauseName(joined.verdict.cause)) << " by " << std::string(joined.verdict.rule));
    }
  }
  MESSAGE("joined: " << right << " of " << both << " right");
  // The six others: a middlebox's reset seen by one end only is a lost state by the rules (G_rst_both_server_idle);
  // lost state that drops everything looks like a broken path (N_nat_strict_dropinvalid_client_talks); two clients
  // without a time-out noticed nothing before the recording ended (F_if_admin_down_none, F_addr_removed_none); a local
  // firewall that answers for the peer is indistinguishable from the path (F_local_fw_rst_ut4, F_local_fw_icmp_ut4).
  CHECK(right >= 41);
}

}  // namespace
}  // namespace whydrop
