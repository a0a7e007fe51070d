// What holds for any evidence, however absurd: reports come from machines that nobody controls.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "causes/classifier.h"

namespace whydrop {
namespace {

Evidence RandomEvidence(std::mt19937_64* random) {
  static const int64_t kValues[] = {0,   1,   1,   2,   3,    4,    5,    7,      10,         17, 18,        200,
                                    201, 203, 301, 999, 1000, 3000, 5000, 100000, 4294967295, -1, INT64_MAX, INT64_MIN};
  Evidence evidence;
  // Few fields in one case and many in the next, so that both early and late rules are reached.
  const uint64_t mask = (*random)() & ((*random)() | ((*random)() & 1 ? ~uint64_t{0} : 0));
  for (int number = 1; number < kFieldLimit; ++number) {
    if ((mask >> number) & 1) evidence.Set(static_cast<Field>(number), kValues[(*random)() % (sizeof kValues / 8)]);
  }
  return evidence;
}

void CheckVerdict(const Verdict& verdict) {
  REQUIRE(IsKnownCause(verdict.cause));
  REQUIRE(verdict.rule != nullptr);
  REQUIRE((verdict.confidence == Confidence::kNone) == (verdict.cause == WHYDROP_CAUSE_UNKNOWN));
}

void CheckSentence(const std::string& sentence) {
  REQUIRE(!sentence.empty());
  for (const char c : sentence) REQUIRE((c >= ' ' && c < 127 && c != '{' && c != '?'));
}

TEST_CASE("any evidence gives a known cause, a named rule and a sentence in ASCII") {
  std::mt19937_64 random(20240229);
  for (int i = 0; i < 1000000; ++i) {
    const Evidence client = RandomEvidence(&random);
    const Verdict verdict = ClassifyConnection(client);
    CheckVerdict(verdict);
    if (i % 16 != 0) continue;
    CheckSentence(Explain(verdict, client));
    const Evidence server = RandomEvidence(&random);
    ServerContext context;
    context.seen = context.end_recorded = random() & 1;
    context.process_replaced = random() & 1;
    context.host_replaced = random() & 1;
    const Evidence* client_or_none = random() % 4 != 0 ? &client : nullptr;
    const Evidence* server_or_none = client_or_none == nullptr || random() % 4 != 0 ? &server : nullptr;
    const JoinedVerdict joined = ClassifyJoined(client_or_none, server_or_none, context, random() & 1);
    CheckVerdict(joined.verdict);
    CheckSentence(ExplainJoined(joined.verdict, client_or_none, server_or_none));
  }
}

}  // namespace
}  // namespace whydrop
