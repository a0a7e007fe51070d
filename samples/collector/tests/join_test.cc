#include "samples/collector/model/join.h"

#include <doctest/doctest.h>

using namespace whydrop;
using namespace whydrop::collector;

namespace {

EndRecord Reset(int64_t os_error, int32_t platform) {
  EndRecord record;
  record.platform = platform;
  record.evidence.Set(Field::established, 1);
  record.evidence.Set(Field::protocol, WHYDROP_TCP);
  record.evidence.Set(Field::error_kind, static_cast<int64_t>(ErrorKind::kReset));
  record.evidence.Set(Field::os_error, os_error);
  record.evidence.Set(Field::operation, WHYDROP_OP_RECV);
  return record;
}

EndRecord Crashed() {
  EndRecord record;
  record.session_end = WHYDROP_CAUSE_CLIENT_CRASH;
  record.open = true;
  record.evidence.Set(Field::established, 1);
  record.evidence.Set(Field::session_end, WHYDROP_CAUSE_CLIENT_CRASH);
  record.evidence.Set(Field::session_end_confidence, 3);
  return record;
}

}  // namespace

TEST_CASE("a server's reset and a client's crash make a crash") {
  const Joined joined = Join(Crashed(), Reset(104, 1), false);
  CHECK(joined.verdict.verdict.cause == WHYDROP_CAUSE_CLIENT_CRASH);
  CHECK(joined.verdict.outcome == Outcome::kDropped);
  CHECK(joined.server_error == "104 ECONNRESET");
}

TEST_CASE("a server's record alone is never of high confidence") {
  CHECK(Join(std::nullopt, Reset(104, 1), false).verdict.verdict.confidence <= Confidence::kLow);
}

TEST_CASE("the server's error is named in the words of its system") {
  CHECK(ServerErrorName(Reset(10054, 2)) == "10054 WSAECONNRESET");
  CHECK(ServerErrorName(Reset(9999, 1)) == "9999");
  CHECK(ServerErrorName(EndRecord()) == "none");
  CHECK(Join(Crashed(), std::nullopt, false).server_error == "no record");
}

TEST_CASE("an open record of a running server tells no end until the server is replaced") {
  EndRecord record;
  record.open = true;
  record.more_reports_follow = true;
  CHECK_FALSE(TellsAnEnd(record));
  record.replaced = Replaced::kProcess;
  CHECK(TellsAnEnd(record));
}

TEST_CASE("a refused attempt soon after a reset says that the server is gone") {
  EndRecord record = Reset(104, 1);
  record.evidence.Set(Field::failure_ms, 5000);
  record.evidence.Set(Field::outq_bytes, 0);
  Evidence attempt;
  attempt.Set(Field::error_kind, static_cast<int64_t>(ErrorKind::kRefused));
  for (const int64_t refused_ms : {5000, 15000}) {
    attempt.Set(Field::failure_ms, refused_ms);
    CHECK(IsRefusedAfter(record.evidence, attempt));
  }
  for (const int64_t other_ms : {int64_t{4999}, int64_t{15001}, INT64_MIN, INT64_MAX}) {
    attempt.Set(Field::failure_ms, other_ms);
    CHECK_FALSE(IsRefusedAfter(record.evidence, attempt));
  }
  CHECK_FALSE(IsRefusedAfter(record.evidence, record.evidence));
  CHECK_FALSE(IsRefusedAfter(record.evidence, Evidence()));
  CHECK(Join(record, std::nullopt, false).verdict.verdict.cause == WHYDROP_CAUSE_SERVER_RESET);
  record.next_refused = true;
  CHECK(Join(record, std::nullopt, false).verdict.verdict.cause == WHYDROP_CAUSE_SERVER_DIED);
}
