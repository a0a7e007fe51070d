// What stands beside the table of client rules: a session's end inherited by its open connections, the close of a
// connection that was silent already, and a proxy in between.
#include <doctest/doctest.h>

#include <string>

#include "causes/classifier.h"
#include "causes/rules.h"
#include "evidence_text.h"

namespace whydrop {
namespace {

Verdict Judge(const std::string& evidence) { return ClassifyConnection(EvidenceOf(evidence)); }

void CheckCause(const std::string& evidence, Cause cause, Confidence confidence) {
  INFO(evidence);
  const Verdict verdict = Judge(evidence);
  CHECK(std::string(CauseName(verdict.cause)) == CauseName(cause));
  CHECK(std::string(ConfidenceName(verdict.confidence)) == ConfidenceName(confidence));
}

TEST_CASE("an open connection inherits its session's end and its confidence") {
  CheckCause("established=1,session_end=200,session_end_confidence=3", WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
  CheckCause("established=1,session_end=201,session_end_confidence=2", WHYDROP_CAUSE_CLIENT_KILLED,
             Confidence::kMedium);
  CheckCause("established=1,session_end=202,session_end_confidence=1", WHYDROP_CAUSE_CLIENT_OUT_OF_MEMORY,
             Confidence::kLow);
  CheckCause("established=1,session_end=203,session_end_confidence=3", WHYDROP_CAUSE_CLIENT_HANG, Confidence::kHigh);
  CheckCause("established=1,session_end=101,session_end_confidence=3", WHYDROP_CAUSE_CLEAN_EXIT, Confidence::kHigh);
  CheckCause("established=1,session_end=300,session_end_confidence=3", WHYDROP_CAUSE_SYSTEM_SHUTDOWN,
             Confidence::kHigh);
  CheckCause("established=1,session_end=301,session_end_confidence=3", WHYDROP_CAUSE_SYSTEM_DOWN, Confidence::kHigh);
  CHECK(std::string(Judge("session_end=200").rule) == kInheritedRule.name);
}

TEST_CASE("a session's end that no session can have is inherited by nobody") {
  for (const char* end : {"0", "99", "199", "400", "501", "600", "-1", "4294967496"})
    CheckCause(std::string("established=1,session_end_confidence=3,session_end=") + end, WHYDROP_CAUSE_UNKNOWN,
               Confidence::kNone);
  CheckCause("session_end=200,session_end_confidence=7", WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kLow);
  CheckCause("session_end=200", WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kLow);
}

TEST_CASE("a failure before the death keeps its failure") {
  const std::string death = ",session_end=200,session_end_confidence=3,link_down_at_death=1";
  CheckCause("established=1,protocol=1,error_kind=4,retransmits=3,outq_bytes=9" + death, WHYDROP_CAUSE_PATH_TIMEOUT,
             Confidence::kHigh);
  CheckCause("established=1,protocol=1,error_kind=1,outq_bytes=0" + death, WHYDROP_CAUSE_SERVER_RESET,
             Confidence::kMedium);
  CheckCause("established=1,protocol=1,peer_closed=1" + death, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
  CheckCause("established=1,protocol=1,closed_locally=1" + death, WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh);
  CheckCause("operation=2,error_kind=9" + death, WHYDROP_CAUSE_CONNECT_REFUSED, Confidence::kHigh);
  // Also a failure that no rule can place is not turned into a crash.
  CheckCause("established=1,protocol=1,error_kind=0,operation=5" + death, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
  CheckCause("established=1,protocol=1,operation=7" + death, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
}

TEST_CASE("a connection whose link was down at the death does not inherit the death") {
  for (const char* end : {"101", "200", "201", "203", "301"})
    CheckCause(std::string("established=1,link_down_at_death=1,session_end_confidence=3,session_end=") + end,
               WHYDROP_CAUSE_LOCAL_LINK_DOWN, Confidence::kMedium);
  CheckCause("established=1,link_down_at_death=0,session_end=201,session_end_confidence=2", WHYDROP_CAUSE_CLIENT_KILLED,
             Confidence::kMedium);
}

TEST_CASE("a connection whose close had been announced does not inherit the death") {
  const struct {
    const char* reason;
    Cause cause;
  } kReasons[] = {{"0", WHYDROP_CAUSE_LOCAL_CLOSE},     {"1", WHYDROP_CAUSE_SERVER_TRANSFER},
                  {"2", WHYDROP_CAUSE_LOCAL_CLOSE},     {"3", WHYDROP_CAUSE_SERVER_KICK},
                  {"4", WHYDROP_CAUSE_SERVER_SHUTDOWN}, {"5", WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT}};
  for (const auto& row : kReasons)
    CheckCause(std::string("established=1,session_end=200,session_end_confidence=3,announced_reason=") + row.reason,
               row.cause, Confidence::kMedium);
  CheckCause("established=1,session_end=200,session_end_confidence=3,announced_reason=17", WHYDROP_CAUSE_UNKNOWN,
             Confidence::kNone);
}

TEST_CASE("an own close with unacknowledged data after long silence is judged as a time-out") {
  const std::string close = "established=1,protocol=1,closed_locally=1,outq_bytes=64,retransmits=4";
  CheckCause(close + ",last_ack_recv_ms=3000", WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kHigh);
  CheckCause(close + ",last_ack_recv_ms=3000,link_up=0", WHYDROP_CAUSE_LOCAL_LINK_DOWN, Confidence::kHigh);
  CheckCause(close + ",last_ack_recv_ms=2999", WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh);
  CheckCause(close, WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh);
  CheckCause("established=1,protocol=1,closed_locally=1,outq_bytes=0,retransmits=4,last_ack_recv_ms=3000",
             WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh);
  // An idle connection's last words, sent just before the close: nothing was sent again, so nobody was silent.
  CheckCause("established=1,protocol=1,closed_locally=1,outq_bytes=64,retransmits=0,last_ack_recv_ms=60000",
             WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh);
}

TEST_CASE("behind a proxy hang, reset and close of the server are unknown, and other TCP verdicts are unsure") {
  const std::string proxy = ",app_min_rtt_us=200001,min_rtt_us=33333";
  CheckCause("established=1,protocol=1,peer_closed=1" + proxy, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
  CheckCause("established=1,protocol=1,error_kind=1,outq_bytes=0" + proxy, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
  CheckCause("established=1,protocol=1,error_kind=4,snd_wnd_bytes=0,last_ack_recv_ms=9" + proxy, WHYDROP_CAUSE_UNKNOWN,
             Confidence::kNone);
  CHECK(std::string(Judge("established=1,protocol=1,peer_closed=1" + proxy).rule) == kProxyRule.name);
  CheckCause("established=1,protocol=1,error_kind=4,retransmits=1,outq_bytes=1" + proxy, WHYDROP_CAUSE_PATH_TIMEOUT,
             Confidence::kLow);
  CheckCause("established=1,protocol=1,error_kind=1,retransmits=1" + proxy, WHYDROP_CAUSE_RESET_AFTER_SILENCE,
             Confidence::kLow);
  CheckCause("established=1,protocol=1,error_kind=5,link_up=1" + proxy, WHYDROP_CAUSE_PATH_UNREACHABLE,
             Confidence::kLow);
}

TEST_CASE("a proxy changes nothing of what the application, the machine or UDP says") {
  const std::string proxy = ",app_min_rtt_us=900000,min_rtt_us=1000";
  CheckCause("established=1,protocol=1,closed_locally=1" + proxy, WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh);
  CheckCause("established=1,protocol=1,announced_reason=3,peer_closed=1" + proxy, WHYDROP_CAUSE_SERVER_KICK,
             Confidence::kHigh);
  CheckCause("established=1,protocol=1,error_kind=4,link_up=0" + proxy, WHYDROP_CAUSE_LOCAL_LINK_DOWN,
             Confidence::kHigh);
  CheckCause("established=1,protocol=1,session_end=200,session_end_confidence=3" + proxy, WHYDROP_CAUSE_CLIENT_CRASH,
             Confidence::kHigh);
  CheckCause("established=1,protocol=2,operation=7,sent_since_recv_bytes=1" + proxy, WHYDROP_CAUSE_PATH_TIMEOUT,
             Confidence::kMedium);
}

TEST_CASE("a proxy is told by more than three TCP round trips plus 100 ms, for a loopback peer 20 ms") {
  CHECK(IsProxied(EvidenceOf("app_min_rtt_us=130001,min_rtt_us=10000")));
  CHECK(!IsProxied(EvidenceOf("app_min_rtt_us=130000,min_rtt_us=10000")));
  CHECK(IsProxied(EvidenceOf("app_min_rtt_us=20301,min_rtt_us=100,peer_loopback=1")));
  CHECK(!IsProxied(EvidenceOf("app_min_rtt_us=20300,min_rtt_us=100,peer_loopback=1")));
  CHECK(!IsProxied(EvidenceOf("app_min_rtt_us=20301,min_rtt_us=100,peer_loopback=0")));
  CHECK(!IsProxied(EvidenceOf("app_min_rtt_us=900000")));
  CHECK(!IsProxied(EvidenceOf("min_rtt_us=1")));
}

}  // namespace
}  // namespace whydrop
