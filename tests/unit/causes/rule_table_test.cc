// Every client rule: the least evidence with which it decides, and that it does not decide with less.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "causes/classifier.h"
#include "causes/rules.h"
#include "evidence_text.h"

namespace whydrop {
namespace {

struct MinimalCase {
  const char* rule;
  const char* evidence;
};

// error_kind: 1 reset, 2 aborted, 3 10053, 4 timed out, 5 host and 6 net unreachable, 7 net down, 8 10052, 9 refused,
// 10 broken pipe, 11 access denied, 12 not permitted, 13 too long, 15 no address. operation: 1 resolve, 2 connect,
// 3 TLS, 7 the application's time-out. protocol: 1 TCP, 2 UDP.
constexpr MinimalCase kMinimalCases[] = {
    {"local-close", "closed_locally=1"},
    {"announced-logout", "announced_reason=2,peer_closed=1"},
    {"announced-logout", "announced_reason=0,peer_closed=1"},
    {"announced-logout", "announced_reason=2,error_kind=10"},
    {"announced-logout-at-end", "announced_reason=2,session_end=201"},
    {"announced-logout-at-end", "announced_reason=0,session_end=101"},
    {"announced-transfer", "announced_reason=1,peer_closed=1"},
    {"announced-transfer", "announced_reason=1,error_kind=1"},
    {"announced-transfer", "announced_reason=1,error_kind=10"},
    {"announced-transfer", "announced_reason=1,error_kind=3,since_recv_ms=100"},
    {"announced-kick", "announced_reason=3,peer_closed=1"},
    {"announced-kick", "announced_reason=3,error_kind=1"},
    {"announced-shutdown", "announced_reason=4,peer_closed=1"},
    {"announced-shutdown", "announced_reason=4,error_kind=1"},
    {"announced-idle", "announced_reason=5,peer_closed=1"},
    {"announced-idle", "announced_reason=5,error_kind=1"},
    {"announced-transfer-at-end", "announced_reason=1,session_end=201"},
    {"announced-kick-at-end", "announced_reason=3,session_end=201"},
    {"announced-shutdown-at-end", "announced_reason=4,session_end=200"},
    {"announced-idle-at-end", "announced_reason=5,session_end=101"},
    {"link-down-at-death", "session_end=201,link_down_at_death=1"},
    {"suspended", "error_kind=4,suspended_ms=3000,since_recv_ms=4000"},
    {"suspended", "error_kind=1,suspended_ms=3000,since_recv_ms=3000"},
    {"suspended", "peer_closed=1,suspended_ms=60000,since_recv_ms=80000"},
    {"local-abort", "error_kind=2"},
    {"timeout-link-down", "error_kind=4,link_up=0"},
    {"timeout-link-down", "error_kind=5,link_up=0"},
    {"timeout-link-down", "error_kind=6,link_up=0"},
    {"timeout-link-down", "error_kind=7,link_up=0"},
    {"timeout-link-down", "error_kind=8,link_up=0"},
    {"timeout-link-down", "operation=7,link_up=0"},
    {"timeout-link-down", "error_kind=3,since_recv_ms=5000,link_up=0"},
    {"timeout-link-down", "error_kind=1,retransmits=1,link_up=0"},
    {"timeout-link-down", "error_kind=1,probes=1,link_up=0"},
    {"timeout-link-down", "operation=1,error_kind=16,link_up=0"},
    {"timeout-link-was-down", "error_kind=4,link_down_since_recv=1"},
    {"timeout-link-was-down", "error_kind=1,probes=1,link_down_since_recv=1"},
    {"timeout-address-gone", "error_kind=4,local_address_present=0"},
    {"timeout-address-gone", "error_kind=1,retransmits=1,local_address_present=0"},
    {"timeout-no-route", "error_kind=4,route_present=0"},
    {"timeout-no-route", "error_kind=6,route_present=0"},
    {"resolve-failed", "operation=1,error_kind=16"},
    {"tls-failed", "operation=3,error_kind=17"},
    {"tls-failed", "operation=3,error_kind=1"},
    {"connect-refused", "operation=2,error_kind=9"},
    {"connect-refused", "operation=2,error_kind=1"},
    {"connect-timeout", "operation=2,error_kind=4"},
    {"connect-given-up", "operation=7,established=0"},
    {"connect-unreachable", "operation=2,error_kind=5"},
    {"connect-unreachable", "operation=2,error_kind=6"},
    {"connect-unreachable", "operation=2,error_kind=7"},
    {"connect-unreachable", "operation=2,error_kind=15"},
    {"connect-denied", "operation=2,error_kind=11"},
    {"connect-denied", "operation=2,error_kind=12"},
    {"udp-refused-at-first", "protocol=2,error_kind=9,bytes_received=0"},
    {"udp-refused-at-first", "protocol=2,error_kind=1,bytes_received=0"},
    {"window-closed", "established=1,protocol=1,error_kind=4,snd_wnd_bytes=0,last_ack_recv_ms=2000"},
    {"window-closed", "established=1,protocol=1,operation=7,snd_wnd_bytes=0,last_ack_recv_ms=0"},
    {"window-closed", "established=1,protocol=1,error_kind=4,snd_wnd_bytes=0,probes=0,retransmits=0"},
    {"acks-but-no-answer",
     "established=1,protocol=1,operation=7,outq_bytes=0,last_ack_recv_ms=2000,last_data_recv_ms=2001"},
    {"acks-but-no-answer",
     "established=1,protocol=1,operation=7,outq_bytes=7,retransmits=0,last_data_sent_ms=200,last_ack_recv_ms=2000,"
     "last_data_recv_ms=2001"},
    {"never-left-host",
     "protocol=1,error_kind=4,notsent_bytes=1,retransmits=0,probes=1,snd_wnd_bytes=1,link_up=1,"
     "local_address_present=1,route_present=1"},
    {"never-left-host",
     "protocol=1,error_kind=5,notsent_bytes=1,retransmits=0,probes=1,snd_wnd_bytes=1,link_up=1,"
     "local_address_present=1,route_present=1"},
    {"host-refused",
     "protocol=1,error_kind=1,notsent_bytes=1,outq_bytes=9,refused_bytes=1,retransmits=0,snd_wnd_bytes=1,link_up=1,"
     "local_address_present=1,route_present=1"},
    {"host-refused",
     "protocol=1,error_kind=4,notsent_bytes=9,outq_bytes=9,refused_bytes=1,retransmits=0,snd_wnd_bytes=1,link_up=1,"
     "local_address_present=1,route_present=1"},
    {"attempt-never-left", "operation=2,error_kind=4,refused_retransmits=1,link_up=1,route_present=1"},
    {"attempt-never-left", "operation=7,established=0,refused_retransmits=10,link_up=1,route_present=1"},
    {"udp-not-permitted", "protocol=2,error_kind=12"},
    {"icmp-unreachable", "established=1,link_up=1,error_kind=5"},
    {"icmp-unreachable", "established=1,link_up=1,error_kind=6"},
    {"icmp-unreachable", "established=1,link_up=1,error_kind=11"},
    {"icmp-unreachable", "established=1,link_up=1,protocol=1,error_kind=9"},
    {"udp-port-closed", "established=1,protocol=2,error_kind=9,bytes_received=1"},
    {"udp-port-closed", "established=1,protocol=2,error_kind=1,bytes_received=1"},
    {"large-segments-vanish",
     "established=1,protocol=1,error_kind=4,retransmits=1,outq_bytes=1449,snd_mss_bytes=1448,last_data_recv_ms=1000"},
    {"udp-too-long", "established=1,protocol=2,error_kind=13"},
    {"tcp-silence", "established=1,protocol=1,error_kind=4,retransmits=1,outq_bytes=1"},
    {"tcp-silence", "established=1,protocol=1,operation=7,retransmits=1,outq_bytes=1"},
    {"tcp-no-answer",
     "established=1,protocol=1,operation=7,outq_bytes=1,sending_for_ms=1601,last_ack_recv_ms=1601,rtt_us=200000"},
    {"tcp-no-answer",
     "established=1,protocol=1,error_kind=4,outq_bytes=1,sending_for_ms=9000,last_ack_recv_ms=1202,rtt_us=500"},
    {"keepalive-unanswered", "established=1,protocol=1,error_kind=4,outq_bytes=0"},
    {"keepalive-failed", "established=1,protocol=1,error_kind=8"},
    {"transmission-timeout", "established=1,protocol=1,error_kind=3,since_recv_ms=5000"},
    {"udp-silence", "established=1,protocol=2,operation=7,sent_since_recv_bytes=1"},
    {"reset-after-silence", "established=1,error_kind=1,retransmits=1"},
    {"reset-after-silence", "established=1,error_kind=1,probes=1"},
    {"reset-after-no-answer",
     "established=1,error_kind=1,outq_bytes=1,sending_for_ms=1601,last_ack_recv_ms=1601,rtt_us=200000"},
    {"reset-unasked", "established=1,error_kind=1,outq_bytes=0"},
    {"pipe-after-reset", "established=1,error_kind=10,tcp_state=7,outq_bytes=0"},
    {"reset-unplaced", "established=1,error_kind=1"},
    {"reset-behind-close", "established=1,wine=1,peer_closed=1,poll_error=1"},
    {"server-close-late", "established=1,error_kind=3,since_recv_ms=4999"},
    {"server-close-wine", "established=1,wine=1,peer_closed=1"},
    {"server-close", "established=1,peer_closed=1"},
    {"server-close", "established=1,error_kind=10"},
};

std::string DecidingRule(const Evidence& evidence) { return ClassifyConnection(evidence).rule; }

const Rule* ClientRuleNamed(const char* name) {
  for (const ClientRule& row : ClientRules()) {
    if (std::strcmp(row.rule.name, name) == 0) return &row.rule;
  }
  return nullptr;
}

TEST_CASE("each client rule decides with its least evidence") {
  for (const MinimalCase& minimal : kMinimalCases) {
    INFO(std::string(minimal.rule) << ": " << std::string(minimal.evidence));
    const Rule* rule = ClientRuleNamed(minimal.rule);
    REQUIRE(rule != nullptr);
    const Verdict verdict = ClassifyConnection(EvidenceOf(minimal.evidence));
    CHECK(std::string(verdict.rule) == minimal.rule);
    CHECK(verdict.cause == rule->cause);
    CHECK(verdict.confidence == rule->confidence);
  }
}

TEST_CASE("no client rule decides when one field of its least evidence is absent") {
  for (const MinimalCase& minimal : kMinimalCases) {
    const Evidence whole = EvidenceOf(minimal.evidence);
    for (int number = 1; number < kFieldLimit; ++number) {
      const Field field = static_cast<Field>(number);
      if (FieldName(number) == nullptr || !whole.Has(field)) continue;
      Evidence less = whole;
      less.Clear(field);
      CHECK_MESSAGE(DecidingRule(less) != minimal.rule, std::string(minimal.rule)
                                                            << " decides without " << std::string(FieldName(number)));
    }
  }
}

TEST_CASE("every client rule of the product stands in this table") {
  for (const ClientRule& row : ClientRules()) {
    bool is_covered = false;
    for (const MinimalCase& minimal : kMinimalCases) is_covered |= std::strcmp(minimal.rule, row.rule.name) == 0;
    CHECK_MESSAGE(is_covered, std::string(row.rule.name) << " has no least evidence here");
  }
}

struct RowExpectation {
  int number;
  Cause cause;
  Confidence confidence;
};

// The rows of the documented table that have one confidence for all that they decide.
TEST_CASE("the rules of a row have the confidence that the row is documented with") {
  constexpr RowExpectation kRows[] = {
      {3, WHYDROP_CAUSE_CLIENT_SUSPENDED, Confidence::kHigh},
      {4, WHYDROP_CAUSE_LOCAL_ABORT, Confidence::kHigh},
      {5, WHYDROP_CAUSE_LOCAL_LINK_DOWN, Confidence::kHigh},
      {6, WHYDROP_CAUSE_LOCAL_ADDRESS_CHANGED, Confidence::kHigh},
      {7, WHYDROP_CAUSE_LOCAL_NO_ROUTE, Confidence::kHigh},
      {9, WHYDROP_CAUSE_SERVER_HANG, Confidence::kHigh},
      {11, WHYDROP_CAUSE_PATH_UNREACHABLE, Confidence::kMedium},
      {12, WHYDROP_CAUSE_SERVER_DIED, Confidence::kMedium},
      {13, WHYDROP_CAUSE_PATH_MTU, Confidence::kMedium},
      {15, WHYDROP_CAUSE_RESET_AFTER_SILENCE, Confidence::kMedium},
      {16, WHYDROP_CAUSE_SERVER_RESET, Confidence::kMedium},
      {17, WHYDROP_CAUSE_RESET_AMBIGUOUS, Confidence::kLow},
  };
  for (const RowExpectation& expected : kRows) {
    int found = 0;
    for (const ClientRule& row : ClientRules()) {
      if (row.rule.number != expected.number) continue;
      ++found;
      CHECK_MESSAGE(row.rule.cause == expected.cause, std::string(row.rule.name));
      CHECK_MESSAGE(row.rule.confidence == expected.confidence, std::string(row.rule.name));
    }
    CHECK_MESSAGE(found > 0, expected.number);
  }
  CHECK(ClientRuleNamed("never-left-host")->confidence == Confidence::kMedium);
  CHECK(ClientRuleNamed("host-refused")->confidence == Confidence::kMedium);
  CHECK(ClientRuleNamed("attempt-never-left")->confidence == Confidence::kLow);
  CHECK(ClientRuleNamed("tcp-silence")->confidence == Confidence::kHigh);
  CHECK(ClientRuleNamed("udp-silence")->confidence == Confidence::kMedium);
  CHECK(ClientRuleNamed("server-close")->confidence == Confidence::kHigh);
  CHECK(ClientRuleNamed("server-close-wine")->confidence == Confidence::kMedium);
}

// What lies just beyond a limit, and what a rule must not take for its evidence.
TEST_CASE("evidence just beyond a rule's limits is judged by the next rule or by none") {
  constexpr MinimalCase kNear[] = {
      {"tcp-silence",
       "established=1,protocol=1,error_kind=4,retransmits=1,outq_bytes=1,suspended_ms=2999,since_recv_ms=3000"},
      {"tcp-silence",
       "established=1,protocol=1,error_kind=4,retransmits=1,outq_bytes=1,suspended_ms=3000,since_recv_ms=4004"},
      {"none", "established=1,protocol=1,operation=7,snd_wnd_bytes=0,last_ack_recv_ms=2001"},
      {"none", "established=1,protocol=1,operation=7,snd_wnd_bytes=0,last_ack_recv_ms=2001,probes=1,retransmits=0"},
      {"none", "established=1,protocol=1,operation=7,snd_wnd_bytes=1,last_ack_recv_ms=2000"},
      {"none", "established=1,protocol=1,operation=7,outq_bytes=0,last_ack_recv_ms=2001,last_data_recv_ms=9000"},
      {"none", "established=1,protocol=1,operation=7,outq_bytes=0,last_ack_recv_ms=1000,last_data_recv_ms=2000"},
      {"none",
       "established=1,protocol=1,operation=7,outq_bytes=0,last_ack_recv_ms=9,last_data_recv_ms=9000,inq_bytes=1"},
      {"none",
       "established=1,protocol=1,operation=7,outq_bytes=7,retransmits=0,last_data_sent_ms=201,last_ack_recv_ms=2000,"
       "last_data_recv_ms=2001"},
      {"none",
       "established=1,protocol=1,operation=7,outq_bytes=7,notsent_bytes=7,retransmits=0,last_data_sent_ms=20,"
       "last_ack_recv_ms=200,last_data_recv_ms=2001"},
      {"tcp-silence",
       "established=1,protocol=1,error_kind=4,retransmits=1,outq_bytes=1449,snd_mss_bytes=1448,last_data_recv_ms=1001"},
      {"tcp-silence",
       "established=1,protocol=1,error_kind=4,retransmits=1,outq_bytes=1448,snd_mss_bytes=1448,last_data_recv_ms=1000"},
      {"tcp-silence",
       "established=1,protocol=1,operation=7,retransmits=1,outq_bytes=1449,snd_mss_bytes=1448,last_data_recv_ms=1000"},
      // Packets left, so it is no local firewall; and a closed window is the peer's will.
      {"none",
       "protocol=1,error_kind=4,notsent_bytes=1,retransmits=1,probes=1,snd_wnd_bytes=1,link_up=1,"
       "local_address_present=1,route_present=1"},
      {"none",
       "protocol=1,error_kind=4,notsent_bytes=1,retransmits=0,probes=1,snd_wnd_bytes=0,link_up=1,"
       "local_address_present=1,route_present=1"},
      // Something was refused once, but older bytes are on their way, or had to be sent again: the path's silence.
      {"none",
       "established=1,protocol=1,error_kind=4,notsent_bytes=1,outq_bytes=9,refused_bytes=1,retransmits=0,"
       "snd_wnd_bytes=1,link_up=1,local_address_present=1,route_present=1"},
      {"tcp-silence",
       "established=1,protocol=1,error_kind=4,notsent_bytes=9,outq_bytes=9,refused_bytes=1,retransmits=1,"
       "snd_wnd_bytes=1,link_up=1,local_address_present=1,route_present=1"},
      {"connect-timeout", "operation=2,error_kind=4,refused_retransmits=11,link_up=1,route_present=1"},
      {"connect-timeout", "operation=2,error_kind=4,refused_retransmits=0,link_up=1,route_present=1"},
      // Too short a silence, too short a run of sends, nothing of it under way.
      {"none",
       "established=1,protocol=1,operation=7,outq_bytes=1,sending_for_ms=1600,last_ack_recv_ms=9000,rtt_us=200000"},
      {"reset-unplaced",
       "established=1,error_kind=1,outq_bytes=1,sending_for_ms=9000,last_ack_recv_ms=1600,rtt_us=200000"},
      {"reset-unplaced",
       "established=1,error_kind=1,outq_bytes=9,notsent_bytes=9,sending_for_ms=9000,last_ack_recv_ms=9000,rtt_us=200"},
      {"none", "established=1,protocol=2,error_kind=9,link_up=1"},
      {"none", "established=1,protocol=2,operation=7,sent_since_recv_bytes=0"},
      {"none", "established=1,link_up=0,error_kind=11"},
      {"reset-unplaced", "established=1,error_kind=1,outq_bytes=64,retransmits=0"},
      {"reset-unplaced", "established=1,error_kind=1,retransmits=0,probes=0,link_up=0"},
      {"server-close", "established=1,error_kind=10,tcp_state=8,outq_bytes=0"},
      {"server-close", "established=1,error_kind=10,tcp_state=7,outq_bytes=64"},
      {"none", "established=0,error_kind=1"},
      {"none", "established=0,peer_closed=1"},
      {"none", "established=1,protocol=1,operation=7"},
      {"none", "established=1,peer_closed=1,error_kind=0"},
      {"none", ""},
  };
  for (const MinimalCase& near : kNear)
    CHECK_MESSAGE(DecidingRule(EvidenceOf(near.evidence)) == near.rule, near.evidence);
}

TEST_CASE("of two rules whose evidence is there the documented order decides") {
  constexpr MinimalCase kOrder[] = {
      {"announced-kick", "announced_reason=3,peer_closed=1,suspended_ms=9000,since_recv_ms=9000"},
      {"announced-transfer", "announced_reason=1,error_kind=1,established=1,outq_bytes=0"},
      {"suspended", "error_kind=2,suspended_ms=9000,since_recv_ms=9000"},
      {"suspended", "error_kind=4,suspended_ms=9000,since_recv_ms=9000,link_up=0"},
      {"timeout-link-down", "error_kind=4,link_up=0,local_address_present=0,route_present=0"},
      {"timeout-link-was-down",
       "error_kind=4,link_up=1,link_down_since_recv=1,local_address_present=0,route_present=0"},
      {"timeout-address-gone", "error_kind=4,link_up=1,local_address_present=0,route_present=0"},
      {"timeout-no-route", "operation=2,error_kind=6,link_up=1,local_address_present=1,route_present=0"},
      {"timeout-link-down", "operation=1,error_kind=16,link_up=0"},
      {"window-closed",
       "established=1,protocol=1,error_kind=4,snd_wnd_bytes=0,last_ack_recv_ms=9,retransmits=1,outq_bytes=9"},
      {"reset-after-silence", "established=1,error_kind=1,retransmits=2,outq_bytes=0"},
      {"announced-logout-at-end", "announced_reason=2,session_end=200,link_down_at_death=1"},
      {"pipe-after-reset", "established=1,error_kind=10,tcp_state=7,outq_bytes=0,wine=1"},
  };
  for (const MinimalCase& order : kOrder)
    CHECK_MESSAGE(DecidingRule(EvidenceOf(order.evidence)) == order.rule, order.evidence);
}

}  // namespace
}  // namespace whydrop
