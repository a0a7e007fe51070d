// Windows' errors as the rules see them: the study's Windows column, and what Microsoft documents of each number.
// Neither SIOCOUTQ nor a reliable retransmission count exists there, so most evidence here is an error and a time.
#include <doctest/doctest.h>

#include <string>

#include "causes/classifier.h"
#include "evidence_text.h"

namespace whydrop {
namespace {

std::string KindOf(int winsock_error) {
  ErrorKind kind = ErrorKind::kUnknown;
  switch (winsock_error) {
    case 10050:
      kind = ErrorKind::kNetDown;
      break;
    case 10051:
      kind = ErrorKind::kNetUnreachable;
      break;
    case 10052:
      kind = ErrorKind::kKeepaliveFailed;
      break;
    case 10053:
      kind = ErrorKind::kSoftwareAborted;
      break;
    case 10054:
      kind = ErrorKind::kReset;
      break;
    case 10060:
      kind = ErrorKind::kTimedOut;
      break;
    case 10061:
      kind = ErrorKind::kRefused;
      break;
    case 10065:
      kind = ErrorKind::kHostUnreachable;
      break;
    default:
      FAIL(winsock_error);
  }
  return "error_kind=" + std::to_string(static_cast<int>(kind)) + ",os_error=" + std::to_string(winsock_error) + ",";
}

const char kTcp[] = "established=1,protocol=1,link_up=1,local_address_present=1,route_present=1,";
const char kUdp[] = "established=1,protocol=2,link_up=1,local_address_present=1,route_present=1,";
const char kConnect[] = "established=0,protocol=1,operation=2,link_up=1,route_present=1,";

void CheckClient(const std::string& evidence, Cause cause, Confidence confidence) {
  INFO(evidence);
  const Verdict verdict = ClassifyConnection(EvidenceOf(evidence));
  CHECK(std::string(CauseName(verdict.cause)) == CauseName(cause));
  CHECK(std::string(ConfidenceName(verdict.confidence)) == ConfidenceName(confidence));
}

// The next launch reports the client; the server saw what the study reports.
Cause JoinDeath(int session_end, const std::string& server_text) {
  const Evidence client =
      EvidenceOf("established=1,protocol=1,session_end_confidence=2,session_end=" + std::to_string(session_end));
  const Evidence server = EvidenceOf(server_text);
  ServerContext context;
  context.seen = context.end_recorded = context.window_passed = true;
  return ClassifyJoined(&client, &server, context, false).verdict.cause;
}

TEST_CASE("study 4.1-1 on Windows: a cable pulled before the kill is the link's fault, whatever the server saw") {
  const Evidence client = EvidenceOf("established=1,protocol=1,session_end=201,link_down_at_death=1");
  for (const std::string& seen : {std::string(kTcp), kTcp + KindOf(10060) + "operation=5"}) {
    const Evidence server = EvidenceOf(seen);
    CHECK(ClassifyJoined(&client, &server, {}, false).verdict.cause == WHYDROP_CAUSE_LOCAL_LINK_DOWN);
  }
}

TEST_CASE("study 4.1-2 on Windows: the orderly close is a local close, and recv 0 at the server") {
  const Evidence client = EvidenceOf(std::string(kTcp) + "closed_locally=1,close_reason=0");
  const Evidence server = EvidenceOf(std::string(kTcp) + "peer_closed=1");
  const JoinedVerdict joined = ClassifyJoined(&client, &server, {}, false);
  CHECK(joined.verdict.cause == WHYDROP_CAUSE_LOCAL_CLOSE);
  CHECK(joined.outcome == Outcome::kClean);
}

TEST_CASE("studies 4.1-3, 4.1-4 and 4.2-2 on Windows: any death gives the server a reset, which proves no crash") {
  const std::string server = kTcp + KindOf(10054) + "operation=5";
  CHECK(JoinDeath(WHYDROP_CAUSE_CLEAN_EXIT, server) == WHYDROP_CAUSE_CLEAN_EXIT);
  CHECK(JoinDeath(WHYDROP_CAUSE_CLIENT_CRASH, server) == WHYDROP_CAUSE_CLIENT_CRASH);
  CHECK(JoinDeath(WHYDROP_CAUSE_CLIENT_KILLED, server) == WHYDROP_CAUSE_CLIENT_KILLED);
  // Without the client's word the server's reset supports nothing.
  const Evidence alone = EvidenceOf(server);
  CHECK(ClassifyJoined(nullptr, &alone, {}, false).verdict.cause == WHYDROP_CAUSE_UNKNOWN);
}

TEST_CASE("study 4.2-1 on Windows: a server that replies to a closed client gets 10053, and the client closed") {
  const Evidence client = EvidenceOf(std::string(kTcp) + "closed_locally=1,close_reason=0");
  const Evidence server = EvidenceOf(kTcp + KindOf(10053) + "operation=4,since_recv_ms=300");
  CHECK(ClassifyJoined(&client, &server, {}, false).verdict.cause == WHYDROP_CAUSE_LOCAL_CLOSE);
}

TEST_CASE("studies 5.2-1 and 5.2-2 on Windows: 10053 soon after data is the server's close, noticed late") {
  for (const char* operation : {"operation=4", "operation=5"})
    CheckClient(kTcp + KindOf(10053) + operation + ",since_recv_ms=200", WHYDROP_CAUSE_SERVER_CLOSE,
                Confidence::kMedium);
}

TEST_CASE("study 5.2-3 on Windows: 10054 alone places nobody; the server's unread bytes explain it") {
  const std::string text = kTcp + KindOf(10054) + "operation=5,since_recv_ms=200";
  CheckClient(text, WHYDROP_CAUSE_RESET_AMBIGUOUS, Confidence::kLow);
  const Evidence client = EvidenceOf(text);
  const Evidence server = EvidenceOf(std::string(kTcp) + "closed_locally=1,close_reason=0,unread_at_close_bytes=200");
  const Verdict joined = ClassifyJoined(&client, &server, {}, false).verdict;
  CHECK(joined.cause == WHYDROP_CAUSE_SERVER_RESET);
  CHECK(joined.confidence == Confidence::kHigh);
}

TEST_CASE("studies 5.3-1 and 5.3-2 on Windows: a lost transfer message is found in the server's record, and dropped") {
  const Evidence server = EvidenceOf(std::string(kTcp) + "closed_locally=1,close_reason=1,unread_at_close_bytes=200");
  for (const int error : {10054, 10053}) {
    const Evidence client = EvidenceOf(kTcp + KindOf(error) + "operation=5,since_recv_ms=200");
    const JoinedVerdict joined = ClassifyJoined(&client, &server, {}, false);
    CHECK(joined.verdict.cause == WHYDROP_CAUSE_SERVER_TRANSFER);
    CHECK(joined.outcome == Outcome::kDropped);
  }
}

TEST_CASE("study 6 on Windows: linger 0 at the server is a reset by the server") {
  const Evidence client = EvidenceOf(kTcp + KindOf(10054) + "operation=5");
  const Evidence server = EvidenceOf(std::string(kTcp) + "closed_locally=1,close_reason=0,linger_zero=1");
  CHECK(ClassifyJoined(&client, &server, {}, false).verdict.cause == WHYDROP_CAUSE_SERVER_RESET);
}

TEST_CASE(
    "study 6 on Windows: silence after a datagram larger than the path is a UDP time-out, never proven oversize") {
  CheckClient(std::string(kUdp) +
                  "operation=7,error_kind=0,sent_since_recv_bytes=9000,largest_send_bytes=1600,"
                  "path_mtu_bytes=1500",
              WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kMedium);
}

TEST_CASE("10053 is a transmission time-out when nothing had come for long, and nothing when no time is known") {
  CheckClient(kTcp + KindOf(10053) + "operation=4,since_recv_ms=21000", WHYDROP_CAUSE_PATH_TIMEOUT,
              Confidence::kMedium);
  CheckClient(kTcp + KindOf(10053) + "operation=4", WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
  CheckClient("established=1,protocol=1,link_up=0,since_recv_ms=21000," + KindOf(10053) + "operation=4",
              WHYDROP_CAUSE_LOCAL_LINK_DOWN, Confidence::kHigh);
  // Also with the link down: the peer's close, if data came a moment ago.
  CheckClient("established=1,protocol=1,link_up=0,since_recv_ms=100," + KindOf(10053) + "operation=4",
              WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kMedium);
}

TEST_CASE("10052 is a failed keepalive") {
  CheckClient(kTcp + KindOf(10052) + "operation=5,since_recv_ms=8000", WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kHigh);
  CheckClient("established=1,protocol=1,link_up=0," + KindOf(10052) + "operation=5", WHYDROP_CAUSE_LOCAL_LINK_DOWN,
              Confidence::kHigh);
}

TEST_CASE("10060, 10061, 10050, 10051 and 10065 in connect") {
  CheckClient(kConnect + KindOf(10060), WHYDROP_CAUSE_CONNECT_TIMEOUT, Confidence::kHigh);
  CheckClient(kConnect + KindOf(10061), WHYDROP_CAUSE_CONNECT_REFUSED, Confidence::kHigh);
  CheckClient(kConnect + KindOf(10050), WHYDROP_CAUSE_CONNECT_UNREACHABLE, Confidence::kHigh);
  CheckClient(kConnect + KindOf(10051), WHYDROP_CAUSE_CONNECT_UNREACHABLE, Confidence::kHigh);
  CheckClient(kConnect + KindOf(10065), WHYDROP_CAUSE_CONNECT_UNREACHABLE, Confidence::kHigh);
}

TEST_CASE("10050, 10051 and 10065 of an established connection") {
  CheckClient(kTcp + KindOf(10051) + "operation=4", WHYDROP_CAUSE_PATH_UNREACHABLE, Confidence::kMedium);
  CheckClient(kTcp + KindOf(10065) + "operation=4", WHYDROP_CAUSE_PATH_UNREACHABLE, Confidence::kMedium);
  for (const int error : {10050, 10051, 10065, 10060})
    CheckClient("established=1,protocol=1,link_up=0," + KindOf(error) + "operation=4", WHYDROP_CAUSE_LOCAL_LINK_DOWN,
                Confidence::kHigh);
  // The dead subsystem of 10050 is this machine's; with nothing broken here it supports no cause.
  CheckClient(kTcp + KindOf(10050) + "operation=4", WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
}

TEST_CASE("10060 of an established connection without a send queue's length is no proof of silence on the path") {
  CheckClient(kTcp + KindOf(10060) + "operation=5", WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
  CheckClient("established=1,protocol=1,route_present=0," + KindOf(10060) + "operation=5", WHYDROP_CAUSE_LOCAL_NO_ROUTE,
              Confidence::kHigh);
}

TEST_CASE("10054 of a UDP socket is the peer's closed port, before and after the first datagram") {
  CheckClient(kUdp + KindOf(10054) + "operation=5,bytes_received=0", WHYDROP_CAUSE_CONNECT_REFUSED, Confidence::kHigh);
  CheckClient(kUdp + KindOf(10054) + "operation=5,bytes_received=9", WHYDROP_CAUSE_SERVER_DIED, Confidence::kMedium);
}

TEST_CASE("under Wine the server's close is less sure, a reset is not affected") {
  CheckClient(std::string(kTcp) + "wine=1,peer_closed=1", WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kMedium);
  CheckClient(std::string(kTcp) + "wine=0,peer_closed=1", WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
  CheckClient(kTcp + KindOf(10054) + "wine=1,operation=5", WHYDROP_CAUSE_RESET_AMBIGUOUS, Confidence::kLow);
  // One that Wine let look like a close still shows in the poll.
  CheckClient(std::string(kTcp) + "wine=1,peer_closed=1,poll_error=1", WHYDROP_CAUSE_RESET_AMBIGUOUS,
              Confidence::kLow);
  CheckClient(std::string(kTcp) + "wine=1,peer_closed=1,poll_error=0", WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kMedium);
  CheckClient(std::string(kTcp) + "wine=0,peer_closed=1,poll_error=1", WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
}

}  // namespace
}  // namespace whydrop
