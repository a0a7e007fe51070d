// Both ends together: each row of the joined rules with client and server evidence made by hand.
#include <doctest/doctest.h>

#include <string>

#include "causes/classifier.h"
#include "evidence_text.h"

namespace whydrop {
namespace {

const char kNone[] = "-";  // that end has no record
const char kReset[] = "established=1,protocol=1,error_kind=1,operation=5,outq_bytes=0,retransmits=0";
const char kAmbiguousReset[] = "established=1,protocol=1,error_kind=1,operation=5,outq_bytes=64,retransmits=0";
const char kResetAfterSilence[] = "established=1,protocol=1,error_kind=1,operation=5,outq_bytes=64,retransmits=3";
const char kFin[] = "established=1,protocol=1,peer_closed=1";
const char kSilence[] = "established=1,protocol=1,error_kind=4,operation=5,outq_bytes=64,retransmits=5";
const char kUnreachable[] = "established=1,protocol=1,error_kind=5,operation=5,link_up=1";
const char kUdpPortClosed[] = "established=1,protocol=2,error_kind=9,operation=5,bytes_received=9";
const char kOpen[] = "established=1,protocol=1";
const char kServerClosed[] = "established=1,protocol=1,closed_locally=1,close_reason=0";
const char kCrash[] = "established=1,protocol=1,session_end=200,session_end_confidence=3";
const char kKilled[] = "established=1,protocol=1,session_end=201,session_end_confidence=2";
const char kHang[] = "established=1,protocol=1,session_end=203,session_end_confidence=3";
const char kWaitedInVain[] = "established=1,protocol=1,error_kind=0,operation=7,last_ack_recv_ms=500,close_reason=0";

enum ContextBits { kNoContext = 0, kProcessReplaced = 1, kHostReplaced = 2, kRefuses = 4 };

JoinedVerdict Join(const std::string& client_text, const std::string& server_text, int bits = kNoContext,
                   bool recovered = false) {
  const bool has_client = client_text != kNone;
  const bool has_server = server_text != kNone;
  const Evidence client = EvidenceOf(has_client ? client_text : "");
  const Evidence server = EvidenceOf(has_server ? server_text : "");
  ServerContext context;
  context.seen = has_server;
  context.end_recorded =
      server.Has(Field::error_kind) || server.Has(Field::peer_closed) || server.Has(Field::closed_locally);
  context.process_replaced = (bits & kProcessReplaced) != 0;
  context.host_replaced = (bits & kHostReplaced) != 0;
  context.refuses = (bits & kRefuses) != 0;
  context.window_passed = true;
  return ClassifyJoined(has_client ? &client : nullptr, has_server ? &server : nullptr, context, recovered);
}

void CheckJoined(const std::string& client, const std::string& server, int bits, Cause cause, Confidence confidence) {
  INFO("client " << client << "; server " << server);
  const Verdict verdict = Join(client, server, bits).verdict;
  CHECK(std::string(CauseName(verdict.cause)) == CauseName(cause));
  CHECK(std::string(ConfidenceName(verdict.confidence)) == ConfidenceName(confidence));
}

std::string At(const char* evidence, int end_ms) {
  return std::string(evidence) + ",connected_ms=1000,ended_ms=" + std::to_string(1000 + end_ms);
}

TEST_CASE("a client whose heartbeat had stopped hangs, surely when the server had waited for it") {
  CheckJoined(kHang, kWaitedInVain, 0, WHYDROP_CAUSE_CLIENT_HANG, Confidence::kHigh);
  CheckJoined(std::string(kKilled) + ",hang_gap_ms=5000", kWaitedInVain, 0, WHYDROP_CAUSE_CLIENT_HANG,
              Confidence::kHigh);
  CheckJoined(kKilled, kWaitedInVain, 0, WHYDROP_CAUSE_CLIENT_HANG, Confidence::kMedium);
  CheckJoined(std::string(kKilled) + ",hang_gap_ms=4999", kWaitedInVain, 0, WHYDROP_CAUSE_CLIENT_HANG,
              Confidence::kMedium);
  CheckJoined(kKilled, "established=1,protocol=1,error_kind=4,operation=5,snd_wnd_bytes=0", 0,
              WHYDROP_CAUSE_CLIENT_HANG, Confidence::kMedium);
}

TEST_CASE("a time-out of the server without acknowledgements makes a killed client no hanging one") {
  CheckJoined(kKilled, "established=1,protocol=1,error_kind=0,operation=7,last_ack_recv_ms=2001", 0,
              WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
  CheckJoined(kKilled, "established=1,protocol=1,error_kind=0,operation=7", 0, WHYDROP_CAUSE_CLIENT_KILLED,
              Confidence::kMedium);
  CheckJoined(kKilled, "established=1,protocol=1,error_kind=4,operation=5,snd_wnd_bytes=1", 0,
              WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
  CheckJoined(kCrash, kWaitedInVain, 0, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
}

TEST_CASE("a client's death stands whatever the server saw at that time or later: reset, FIN, time-out or nothing") {
  for (const char* server : {kReset, kFin, kSilence, "established=1,protocol=1,error_kind=10,operation=4",
                             kServerClosed, "established=1,protocol=1,closed_locally=1,close_reason=5"}) {
    CheckJoined(At(kCrash, 60000), At(server, 60200), 0, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
    CheckJoined(At(kKilled, 60000), At(server, 90000), 0, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kHigh);
    CheckJoined(At("established=1,session_end=301,session_end_confidence=3", 60000), At(server, 60000), 0,
                WHYDROP_CAUSE_SYSTEM_DOWN, Confidence::kHigh);
  }
  CheckJoined(At(kKilled, 60000), kOpen, 0, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kHigh);
  CheckJoined(At(kKilled, 60000), kNone, 0, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kHigh);
  CheckJoined(At(kCrash, 60000), kNone, kProcessReplaced, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
}

TEST_CASE("a death is no surer by a server's end whose time is unknown") {
  CheckJoined(kKilled, kReset, 0, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), kFin, 0, WHYDROP_CAUSE_CLIENT_KILLED, Confidence::kMedium);
}

TEST_CASE("a server's end more than 5 s before the client's death decides, less surely") {
  CheckJoined(At(kCrash, 60000), At("established=1,protocol=1,closed_locally=1,close_reason=3", 54999), 0,
              WHYDROP_CAUSE_SERVER_KICK, Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), At("established=1,protocol=1,closed_locally=1,close_reason=4", 54999), 0,
              WHYDROP_CAUSE_SERVER_SHUTDOWN, Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), At(kServerClosed, 54999), 0, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), At("established=1,closed_locally=1,close_reason=0,unread_at_close_bytes=9", 54999), 0,
              WHYDROP_CAUSE_SERVER_RESET, Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), At(kSilence, 54999), 0, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), At(kSilence, 54999) + ",close_reason=0", 0, WHYDROP_CAUSE_PATH_TIMEOUT,
              Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), At("established=1,error_kind=0,operation=7,closed_locally=1,close_reason=5", 54999),
              0, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, Confidence::kMedium);
  CheckJoined(At(kKilled, 60000), At(kResetAfterSilence, 54999), 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
  CheckJoined(At(kCrash, 60000), At("established=1,closed_locally=1,close_reason=3", 55000), 0,
              WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
}

TEST_CASE("a server that had waited while acknowledgements flowed is no proof of a broken path") {
  const char waited[] = "established=1,protocol=1,error_kind=0,operation=7,last_ack_recv_ms=500";
  CheckJoined(At(kCrash, 60000), At(waited, 50000), 0, WHYDROP_CAUSE_CLIENT_CRASH, Confidence::kHigh);
  CheckJoined(At(kCrash, 60000), At(kWaitedInVain, 50000), 0, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kMedium);
}

TEST_CASE("a server that closed for a reason is believed when the client saw only a reset or a close") {
  const struct {
    const char* reason;
    Cause cause;
  } kReasons[] = {{"1", WHYDROP_CAUSE_SERVER_TRANSFER},
                  {"3", WHYDROP_CAUSE_SERVER_KICK},
                  {"4", WHYDROP_CAUSE_SERVER_SHUTDOWN},
                  {"5", WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT}};
  for (const auto& row : kReasons) {
    const std::string server = std::string("established=1,protocol=1,closed_locally=1,close_reason=") + row.reason;
    for (const char* client : {kReset, kAmbiguousReset, kResetAfterSilence, kFin, kCrash}) {
      if (client != kCrash) CheckJoined(client, server, 0, row.cause, Confidence::kHigh);
      CheckJoined(client == kCrash ? "established=1,session_end=101,session_end_confidence=3" : client,
                  server + ",unread_at_close_bytes=77", 0, row.cause, Confidence::kHigh);
    }
    CHECK(Join(kReset, server).outcome == Outcome::kDropped);
    const std::string told = std::string(kReset) + ",announced_reason=" + row.reason;
    CHECK(Join(told, server).verdict.cause == row.cause);
    CHECK(Join(told, server).outcome == Outcome::kClean);
  }
}

TEST_CASE("a server that closed for a reason after its own time-out is believed as well") {
  const std::string server = "established=1,protocol=1,error_kind=0,operation=7,close_reason=";
  CheckJoined(kFin, server + "5", 0, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, Confidence::kHigh);
  CheckJoined(kReset, server + "3", 0, WHYDROP_CAUSE_SERVER_KICK, Confidence::kHigh);
  CheckJoined(kFin, server + "0", 0, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
  CheckJoined(kSilence, server + "5", 0, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kHigh);
  CheckJoined(kNone, server + "5", 0, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, Confidence::kLow);
  CheckJoined(At(kKilled, 60000), At((server + "5").c_str(), 50000), 0, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT,
              Confidence::kMedium);
}

TEST_CASE("a server's close without a reason is a reset with unread bytes or linger 0, else a close") {
  for (const char* client : {kReset, kAmbiguousReset, kResetAfterSilence, kFin}) {
    CheckJoined(client, kServerClosed, 0, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
    CheckJoined(client, std::string(kServerClosed) + ",unread_at_close_bytes=0,linger_zero=0", 0,
                WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
    CheckJoined(client, std::string(kServerClosed) + ",unread_at_close_bytes=1", 0, WHYDROP_CAUSE_SERVER_RESET,
                Confidence::kHigh);
    CheckJoined(client, std::string(kServerClosed) + ",linger_zero=1", 0, WHYDROP_CAUSE_SERVER_RESET,
                Confidence::kHigh);
  }
}

TEST_CASE("a server that closed only after it had failed itself did not close of its own will") {
  const std::string cleanup = std::string(kReset) + ",close_reason=0";
  CheckJoined(kReset, cleanup, 0, WHYDROP_CAUSE_PATH_RESET, Confidence::kMedium);
}

TEST_CASE("a client that closed itself or met a fault of its own keeps its verdict against the server's close") {
  for (const char* reason : {"0", "1", "3", "4", "5", "0,unread_at_close_bytes=9", "0,linger_zero=1"}) {
    const std::string server = std::string("established=1,protocol=1,closed_locally=1,close_reason=") + reason;
    CheckJoined(kServerClosed, server, 0, WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kHigh);
    CheckJoined("established=1,protocol=1,error_kind=4,link_up=0", server, 0, WHYDROP_CAUSE_LOCAL_LINK_DOWN,
                Confidence::kHigh);
    CheckJoined("operation=3,error_kind=17", server, 0, WHYDROP_CAUSE_TLS_FAILED, Confidence::kHigh);
  }
}

TEST_CASE("a server process that was replaced without a close has died, for rules 12, 15, 16 and 18") {
  for (const char* client : {kUdpPortClosed, kResetAfterSilence, kReset, kFin}) {
    CheckJoined(client, kNone, kProcessReplaced, WHYDROP_CAUSE_SERVER_DIED, Confidence::kHigh);
    CheckJoined(client, kOpen, kProcessReplaced, WHYDROP_CAUSE_SERVER_DIED, Confidence::kHigh);
  }
  CheckJoined(kReset, "established=1,protocol=1,session_end=201", 0, WHYDROP_CAUSE_SERVER_DIED, Confidence::kHigh);
  CheckJoined(kReset, kServerClosed, kProcessReplaced, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
  CheckJoined(kReset, kNone, 0, WHYDROP_CAUSE_SERVER_RESET, Confidence::kMedium);
  CheckJoined(kSilence, kNone, kProcessReplaced, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kHigh);
}

TEST_CASE("a reset of a machine that was restarted is the machine's end, an orderly close the process's") {
  for (const char* client : {kReset, kAmbiguousReset}) {
    CheckJoined(client, kOpen, kProcessReplaced | kHostReplaced, WHYDROP_CAUSE_SERVER_HOST_DOWN, Confidence::kMedium);
    CheckJoined(client, kOpen, kProcessReplaced, WHYDROP_CAUSE_SERVER_DIED, Confidence::kHigh);
  }
  CheckJoined(kFin, kOpen, kProcessReplaced | kHostReplaced, WHYDROP_CAUSE_SERVER_DIED, Confidence::kHigh);
}

TEST_CASE("a server host that went away is named for rules 11, 14 and 15") {
  for (const char* client : {kUnreachable, kSilence, kResetAfterSilence}) {
    CheckJoined(client, kNone, kHostReplaced, WHYDROP_CAUSE_SERVER_HOST_DOWN, Confidence::kHigh);
    CheckJoined(client, kOpen, kProcessReplaced | kHostReplaced, WHYDROP_CAUSE_SERVER_HOST_DOWN, Confidence::kHigh);
  }
  CheckJoined(kSilence, "established=1,protocol=1,session_end=301", 0, WHYDROP_CAUSE_SERVER_HOST_DOWN,
              Confidence::kHigh);
  CheckJoined(kUnreachable, kNone, 0, WHYDROP_CAUSE_PATH_UNREACHABLE, Confidence::kMedium);
}

TEST_CASE("a reset against silence or a reset, with packets unanswered on either end, is lost state on the path") {
  CheckJoined(kResetAfterSilence, kReset, 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
  CheckJoined(kResetAfterSilence, kOpen, 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
  CheckJoined(kReset, "established=1,protocol=1,probes=2", 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
  CheckJoined(kOpen, kResetAfterSilence, 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
}

TEST_CASE("two resets without retransmissions come from the path; one alone is less sure") {
  CheckJoined(kReset, kReset, 0, WHYDROP_CAUSE_PATH_RESET, Confidence::kMedium);
  CheckJoined(kReset, kOpen, 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kLow);
  CheckJoined(kOpen, kReset, 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kLow);
  CheckJoined(kOpen, kOpen, 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
}

TEST_CASE("silence on both ends is a broken path, also when the server gave up an idle client") {
  CheckJoined(kSilence, kSilence, 0, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kHigh);
  CheckJoined(kSilence, "established=1,protocol=1,closed_locally=1,close_reason=5", 0, WHYDROP_CAUSE_PATH_TIMEOUT,
              Confidence::kHigh);
  const std::string udp = "established=1,protocol=2,error_kind=0,operation=7,sent_since_recv_bytes=9";
  CheckJoined(udp, "established=1,protocol=2,error_kind=0,operation=7", 0, WHYDROP_CAUSE_PATH_TIMEOUT,
              Confidence::kHigh);
  CheckJoined(udp, kNone, 0, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kMedium);
}

TEST_CASE("a wait of a client that counts nothing, as on Windows, is explained by what the server's side counted") {
  const std::string waits = "established=1,protocol=1,operation=7,link_up=1,route_present=1,since_recv_ms=3000";
  const std::string unanswered = "established=1,protocol=1,operation=7,last_ack_recv_ms=3000,retransmits=4,outq_bytes=9";
  CheckJoined(waits, unanswered, 0, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kMedium);
  CheckJoined(waits, std::string(kServerClosed) + ",unread_at_close_bytes=90", 0, WHYDROP_CAUSE_SERVER_HANG,
              Confidence::kMedium);
  // A server that had nothing to send, one that heard acknowledgements, one that had read everything, or none at all.
  for (const std::string& server :
       {std::string("established=1,protocol=1,operation=7,last_ack_recv_ms=3000,retransmits=0,outq_bytes=0"),
        std::string("established=1,protocol=1,operation=7,last_ack_recv_ms=100,retransmits=1,outq_bytes=9"),
        std::string(kServerClosed) + ",unread_at_close_bytes=0", std::string(kNone)}) {
    CheckJoined(waits, server, 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
  }
  // A client that counts has a word of its own.
  CheckJoined(waits + ",retransmits=0", unanswered, 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
}

TEST_CASE("behind a proxy the server's record names what TCP could not") {
  const std::string proxied = std::string(kFin) + ",app_min_rtt_us=900000,min_rtt_us=100";
  CheckJoined(proxied, kNone, 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
  CheckJoined(proxied, kNone, kProcessReplaced, WHYDROP_CAUSE_SERVER_DIED, Confidence::kHigh);
  CheckJoined(proxied, "established=1,closed_locally=1,close_reason=3", 0, WHYDROP_CAUSE_SERVER_KICK,
              Confidence::kHigh);
}

TEST_CASE("without the client's report the server's own reason stands with low confidence, and nothing else") {
  const std::string closed = "established=1,protocol=1,closed_locally=1,close_reason=";
  CheckJoined(kNone, closed + "0", 0, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kLow);
  CheckJoined(kNone, closed + "1", 0, WHYDROP_CAUSE_SERVER_TRANSFER, Confidence::kLow);
  CheckJoined(kNone, closed + "2", 0, WHYDROP_CAUSE_LOCAL_CLOSE, Confidence::kLow);
  CheckJoined(kNone, closed + "3", 0, WHYDROP_CAUSE_SERVER_KICK, Confidence::kLow);
  CheckJoined(kNone, closed + "4", 0, WHYDROP_CAUSE_SERVER_SHUTDOWN, Confidence::kLow);
  CheckJoined(kNone, closed + "5", 0, WHYDROP_CAUSE_SERVER_IDLE_TIMEOUT, Confidence::kLow);
  CheckJoined(kNone, closed + "0,unread_at_close_bytes=1", 0, WHYDROP_CAUSE_SERVER_RESET, Confidence::kLow);
  for (const char* server : {kReset, kFin, kSilence, kResetAfterSilence, kOpen})
    CheckJoined(kNone, server, 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
}

TEST_CASE(
    "a reset after which nobody listens any more is the end of the server, unless its own record says otherwise") {
  CheckJoined(kReset, kNone, kRefuses, WHYDROP_CAUSE_SERVER_DIED, Confidence::kLow);
  CheckJoined(kAmbiguousReset, kOpen, kRefuses, WHYDROP_CAUSE_SERVER_DIED, Confidence::kLow);
  CheckJoined(kReset, kNone, 0, WHYDROP_CAUSE_SERVER_RESET, Confidence::kMedium);
  CheckJoined(kReset, kServerClosed, kRefuses, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
  CheckJoined(kFin, kNone, kRefuses, WHYDROP_CAUSE_SERVER_CLOSE, Confidence::kHigh);
  CheckJoined(kReset, kOpen, kRefuses | kHostReplaced, WHYDROP_CAUSE_SERVER_HOST_DOWN, Confidence::kMedium);
}

TEST_CASE("a client that noticed nothing was cut off if its own network was broken while the server waited in vain") {
  const std::string open = kOpen;
  CheckJoined(open + ",link_up=0,route_present=0", kSilence, 0, WHYDROP_CAUSE_LOCAL_LINK_DOWN, Confidence::kMedium);
  CheckJoined(open + ",link_up=1,local_address_present=0,route_present=0", kUnreachable, 0,
              WHYDROP_CAUSE_LOCAL_ADDRESS_CHANGED, Confidence::kMedium);
  CheckJoined(open + ",local_address_present=1,route_present=0", kWaitedInVain, 0, WHYDROP_CAUSE_LOCAL_NO_ROUTE,
              Confidence::kMedium);
  CheckJoined(open + ",link_up=1,local_address_present=1,route_present=1", kSilence, 0, WHYDROP_CAUSE_UNKNOWN,
              Confidence::kNone);
  CheckJoined(open + ",link_up=0", kOpen, 0, WHYDROP_CAUSE_UNKNOWN, Confidence::kNone);
}

TEST_CASE("a reset that the client's own machine sent is none between the two ends") {
  const std::string refused =
      std::string(kAmbiguousReset) +
      ",notsent_bytes=64,refused_bytes=63,snd_wnd_bytes=65536,link_up=1,local_address_present=1,"
      "route_present=1";
  CheckJoined(refused, kOpen, 0, WHYDROP_CAUSE_LOCAL_FIREWALL, Confidence::kMedium);
  CheckJoined(refused, kSilence, 0, WHYDROP_CAUSE_LOCAL_FIREWALL, Confidence::kMedium);
}

TEST_CASE("a reset in answer to the first keepalive probe is no silence, one after a second probe is") {
  const std::string probed = std::string(kReset) + ",probes=";
  CheckJoined(kReset, probed + "1", 0, WHYDROP_CAUSE_PATH_RESET, Confidence::kMedium);
  CheckJoined(kReset, probed + "2", 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
}

TEST_CASE("a server that is reset while the client still waits was told so by what forgot the connection") {
  CheckJoined(At(kSilence, 5000), At(kReset, 2000), 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
  // A client that gave up first answers the server's next packet itself.
  CheckJoined(At(kSilence, 5000), At(kReset, 6000), 0, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kHigh);
  CheckJoined(kSilence, kReset, 0, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kHigh);
}

TEST_CASE("a client that is reset while the server waits in vain was told so by what forgot the connection") {
  const std::string silence = std::string(kSilence) + ",failure_ms=9000";
  CheckJoined(At(kReset, 5000), At(silence.c_str(), 8000), 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kLow);
  // A machine whose network is fine is no reason to blame its firewall.
  const std::string fine = std::string(kReset) + ",link_up=1,local_address_present=1,route_present=1";
  CheckJoined(At(fine.c_str(), 5000), At(silence.c_str(), 8000), 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kLow);
  // The server gave up first, so that the reset is its own; or one of the two times is not known.
  CheckJoined(At(kReset, 8000), At(kSilence, 5000), 0, WHYDROP_CAUSE_SERVER_RESET, Confidence::kMedium);
  CheckJoined(kReset, silence, 0, WHYDROP_CAUSE_SERVER_RESET, Confidence::kMedium);
}

TEST_CASE("retransmissions that a busy sender put off are silence all the same") {
  const std::string overdue = std::string(kAmbiguousReset) + ",sending_for_ms=5000,last_ack_recv_ms=2040,rtt_us=202000";
  CheckJoined(overdue, kReset, 0, WHYDROP_CAUSE_PATH_STATE_LOST, Confidence::kMedium);
  CheckJoined(kAmbiguousReset, kReset, 0, WHYDROP_CAUSE_PATH_RESET, Confidence::kMedium);
}

TEST_CASE("a connection's outcome is clean when both sides wanted its end, else dropped or recovered") {
  CHECK(Join(kServerClosed, kFin).outcome == Outcome::kClean);
  CHECK(Join("session_end=101,session_end_confidence=3", kFin).outcome == Outcome::kClean);
  CHECK(Join(std::string(kFin) + ",announced_reason=2", kServerClosed).outcome == Outcome::kClean);
  CHECK(Join(kFin, "established=1,closed_locally=1,close_reason=2").outcome == Outcome::kClean);
  CHECK(Join(kFin, kServerClosed).outcome == Outcome::kDropped);
  CHECK(Join(kCrash, kFin).outcome == Outcome::kDropped);
  CHECK(Join(kSilence, kNone).outcome == Outcome::kDropped);
  CHECK(Join(kSilence, kNone, 0, true).outcome == Outcome::kRecovered);
  CHECK(Join(kServerClosed, kFin, 0, true).outcome == Outcome::kClean);
}

TEST_CASE("a connection that never stood has failed, whatever the cause, and stays failed after a retry") {
  CHECK(Join("established=0,operation=2,error_kind=9", kNone).outcome == Outcome::kFailed);
  CHECK(Join("established=0,operation=2,error_kind=4,link_up=0", kNone).outcome == Outcome::kFailed);
  CHECK(Join("operation=3,error_kind=17", kNone, 0, true).outcome == Outcome::kFailed);
  CHECK(std::string(OutcomeName(Outcome::kFailed)) == "failed");
  CHECK(std::string(OutcomeName(Outcome::kRecovered)) == "recovered");
}

}  // namespace
}  // namespace whydrop
