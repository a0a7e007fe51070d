#include "samples/collector/transfer/log_row.h"

#include <doctest/doctest.h>

#include "core/sha256.h"

using namespace whydrop::collector;

namespace {

constexpr int64_t kNow = 1795872341;  // 2026-11-28T13:25:41Z

LoggedConnection Read(LogRow row) {
  row.emplace_back("ended", "1795872000");
  return ReadRow(row, {"game", OsFamily::kLinux, {"map"}, kNow, 400});
}

std::string ErrorOf(const LogRow& row, OsFamily family = OsFamily::kLinux) {
  try {
    ReadRow(row, {"game", family, {}, kNow, 400});
  } catch (const LineError& error) {
    return error.what();
  }
  return "";
}

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the columns of a server's log become evidence") {
  const auto read = Read({{"token", "t"},
                          {"endpoint", "gate-1"},
                          {"errno", "ECONNRESET"},
                          {"operation", "recv"},
                          {"unread_bytes", "12"},
                          {"rtt_us", "5"},
                          {"map", "whatever"}});
  const auto& evidence = read.message.evidence();
  const auto hash = whydrop::HashToken("game", 4, "t", 1);
  CHECK(read.message.token_hash() == std::string(hash.begin(), hash.end()));
  CHECK(read.message.endpoint() == "gate-1");
  CHECK(evidence.os_error() == 104);
  CHECK(evidence.error_kind() == whydrop::v1::RESET);
  CHECK(evidence.operation() == whydrop::v1::RECV);
  CHECK(evidence.unread_at_close_bytes() == 12);
  CHECK(evidence.rtt_us() == 5);
  CHECK(evidence.established());
  CHECK_FALSE(evidence.has_peer_closed());
  const auto closed = Read({{"recv0", "1"}, {"closed_by_us", "no"}, {"reason", "kick"}, {"established", "false"}});
  CHECK(closed.message.evidence().peer_closed());
  CHECK(closed.message.evidence().has_closed_locally());
  CHECK(closed.message.evidence().close_reason() == whydrop::v1::KICK);
  CHECK_FALSE(closed.message.evidence().established());
  CHECK_FALSE(Read({{"errno", "0"}}).message.evidence().has_os_error());
}

TEST_CASE("an error is a number or a name of its own system") {
  CHECK(ErrorOf({{"ended", "1795872000"}, {"errno", "WSAECONNRESET"}}, OsFamily::kWindows) == "");
  CHECK(ErrorOf({{"ended", "1795872000"}, {"errno", "ERROR_NETNAME_DELETED"}}, OsFamily::kWindows) == "");
  CHECK(Contains(ErrorOf({{"ended", "1795872000"}, {"errno", "WSAECONNRESET"}}), "errno: 'WSAECONNRESET'"));
  CHECK(Read({{"errno", "9999"}}).message.evidence().error_kind() == whydrop::v1::ERROR_KIND_UNKNOWN);
}

TEST_CASE("the classes of Linux' errors are those that the SDK gives") {
  for (int64_t number = 1; number < 140; ++number) {
    const OsError* known = FindOsError(OsFamily::kLinux, number);
    const auto sdk = whydrop::ClassifyNativeError(static_cast<int32_t>(number));
    CAPTURE(number);
    CHECK((known == nullptr ? whydrop::ErrorKind::kUnknown : known->kind) == sdk);
  }
}

TEST_CASE("times are unix seconds or say that they are UTC") {
  const auto ended = [](const std::string& text) {
    return ReadRow({{"ended", text}}, {"game", OsFamily::kLinux, {}, kNow, 400}).ended_unix_ms;
  };
  CHECK(ended("1795872341") == 1795872341000);
  CHECK(ended("1795872341.25") == 1795872341250);
  CHECK(ended("2026-11-28T13:25:41Z") == 1795872341000);
  CHECK(ended("2026-11-28T13:25:41.5Z") == 1795872341500);
  for (const char* wrong : {"yesterday", "2026-11-28T13:25:41", "2026-11-31T00:00:00Z", "2026-11-28T13:25:41+01:00",
                            "1795872341000", "1", "nan", "1e9", "1795872341.2.5", "-5"}) {
    CHECK_MESSAGE(Contains(ErrorOf({{"ended", wrong}}), "ended: '"), wrong);
  }
  CHECK(Contains(ErrorOf({}), "ended: is needed"));
  CHECK(Contains(ErrorOf({{"ended", "1795872000"}, {"opened", "1795872001"}}), "opened"));
}

TEST_CASE("what is older than what the store keeps is refused, and says so") {
  const auto error_of = [](uint32_t keep_days, int64_t age_s) -> std::string {
    try {
      ReadRow({{"ended", std::to_string(kNow - age_s)}}, {"game", OsFamily::kLinux, {}, kNow, keep_days});
    } catch (const LineError& error) {
      return error.what();
    }
    return "";
  };
  for (const uint32_t days : {1u, 90u, 400u, 4000u}) {
    CAPTURE(days);
    CHECK(error_of(days, int64_t{days} * 86400) == "");
    CHECK(Contains(error_of(days, int64_t{days} * 86400 + 1),
                   "the last " + std::to_string(days) + " days, which --keep says"));
  }
}

TEST_CASE("what breaks a rule is told with its column") {
  for (const auto& [column, value] : LogRow{{"endpoint", "10.0.0.1:80"},
                                            {"network", "Wi Fi"},
                                            {"token_hash", "abc"},
                                            {"token_hash", std::string(32, 'g')},
                                            {"token", std::string(65, 't')},
                                            {"recv0", "maybe"},
                                            {"reason", "bored"},
                                            {"operation", "99"},
                                            {"rtt_us", "-1"},
                                            {"rtt_us", "1.5"},
                                            {"errno", "x"},
                                            {"nope", "1"},
                                            {"ended_ms", "5"},
                                            {"session_end", "200"},
                                            {"error_kind", "1"}}) {
    CHECK_MESSAGE(ErrorOf({{"ended", "1795872000"}, {column, value}}).compare(0, column.size(), column) == 0, column);
  }
  CHECK(Contains(ErrorOf({{"token", "a"}, {"token_hash", std::string(32, 'a')}}), "token_hash"));
}
