// The rule tables: what each rule is called, what it says and when it holds. Ordered, first match wins. A condition on
// absent evidence is false, so a rule lists by its conditions exactly the evidence it needs.
//
// Thread rule: pure; static tables.
#ifndef WHYDROP_CAUSES_RULES_H
#define WHYDROP_CAUSES_RULES_H

#include <array>
#include <cstddef>

#include "causes/classifier.h"

namespace whydrop {

// What a rule decides.
struct Decision {
  const char* name;
  int number;  // row of the table of client rules, which the joined rules refer to; 0: none
  Cause cause;
  Confidence confidence;
};

// In a sentence {name} stands for the field of that name of the judged end, {server.name} for the server's; {error},
// {session} and {server.error} are words made of several fields (see explain.cc). The text lies in the row itself: as a
// literal of its own it would stay in the SDK's library, which decides but never explains.
struct Rule {
  const char* name;
  int number;
  Cause cause;
  Confidence confidence;
  char sentence[264];

  constexpr Decision Decides() const { return {name, number, cause, confidence}; }
};

struct ClientRule {
  Rule rule;
  bool (*matches)(const Evidence& evidence);
};

struct SessionRule {
  Rule rule;
  bool (*matches)(const SessionEvidence& evidence);
};

// Both ends as the joined rules see them.
struct JoinedView {
  const Evidence* client = nullptr;
  const Evidence* server = nullptr;
  ServerContext context;
  int client_rule = 0;  // number of the client rule whose evidence matched, also where the verdict is unknown
};

struct JoinedRule {
  Rule rule;
  bool (*matches)(const JoinedView& view);
};

template <typename Row>
struct RuleTable {
  const Row* rows;
  int count;
  const Row* begin() const { return rows; }
  const Row* end() const { return rows + count; }
};

// The same table without sentences, made by the compiler.
template <typename Row>
struct Decider {
  Decision decision;
  decltype(Row::matches) matches;
};

template <typename Row, size_t kCount>
constexpr std::array<Decider<Row>, kCount> WithoutSentences(const Row (&rows)[kCount]) {
  std::array<Decider<Row>, kCount> deciders = {};
  for (size_t i = 0; i < kCount; ++i) deciders[i] = {rows[i].rule.Decides(), rows[i].matches};
  return deciders;
}

template <typename Deciders, typename Input>
const Decision* FirstMatch(const Deciders& deciders, const Input& input) {
  for (const auto& decider : deciders) {
    if (decider.matches(input)) return &decider.decision;
  }
  return nullptr;
}

RuleTable<ClientRule> ClientRules();
RuleTable<SessionRule> SessionRules();
RuleTable<JoinedRule> DeathRules();   // the client's process died: consulted first
RuleTable<JoinedRule> JoinedRules();  // then these
RuleTable<JoinedRule> ServerAloneRules();

// Rules that stand in no table because what they say is computed.
extern const Rule kInheritedRule;  // the session's own end and its confidence
extern const Rule kProxyRule;      // TCP speaks only of the way to a proxy
extern const Rule kNoRule;

// The first rule of each table that holds, or nullptr.
const Decision* MatchClientRule(const Evidence& evidence);
const Decision* MatchSessionRule(const SessionEvidence& evidence);
const Decision* MatchDeathRule(const JoinedView& view);
const Decision* MatchJoinedRule(const JoinedView& view);
const Decision* MatchServerAloneRule(const JoinedView& view);

// A close by the application while the peer had been silent for long is judged like its own time-out: the player left
// because nothing moved any more.
bool IsCloseOfSilentConnection(const Evidence& evidence);

// True: the application's round trips are so much longer than TCP's that something in between ends the connection.
bool IsProxied(const Evidence& evidence);

}  // namespace whydrop

#endif
