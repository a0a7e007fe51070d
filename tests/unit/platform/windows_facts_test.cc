// What Windows says in records and statistics, by tables: most of it cannot be had under Wine, and some of it not at
// will on Windows either.
#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "platform/windows/exception_facts.h"
#include "platform/windows/network_events.h"
#include "platform/windows/session_notices.h"
#include "platform/windows/tcp_facts.h"

using namespace whydrop::platform;  // NOLINT

namespace {

EXCEPTION_RECORD Access(DWORD code, ULONG_PTR kind, ULONG_PTR address) {
  EXCEPTION_RECORD record = {};
  record.ExceptionCode = code;
  record.NumberParameters = 2;
  record.ExceptionInformation[0] = kind;
  record.ExceptionInformation[1] = address;
  return record;
}

CONTEXT AtStack(DWORD64 stack_pointer) {
  CONTEXT context = {};
  context.Rsp = stack_pointer;
  return context;
}

}  // namespace

TEST_CASE("each exception code has its kind, and one that nobody knows is a fault") {
  const struct {
    DWORD code;
    CrashKind kind;
  } table[] = {
      {0xC0000005, CrashKind::kFault},  // access violation
      {0xC0000006, CrashKind::kFault},  // a page of somebody's file could not be read
      {0xC000001D, CrashKind::kFault},  // illegal instruction
      {0xC0000094, CrashKind::kFault},  // division by zero
      {0xC0000096, CrashKind::kFault},  // privileged instruction
      {0x80000003, CrashKind::kFault},  // breakpoint
      {0xC00000FD, CrashKind::kStackOverflow},
      {0xC0000374, CrashKind::kRuntimeCheck},  // heap corruption
      {0xC0000417, CrashKind::kRuntimeCheck},  // invalid parameter
      {0xE06D7363, CrashKind::kTerminate},     // a C++ exception of Microsoft's run-time
      {0x20474343, CrashKind::kTerminate},     // of GCC's
      {0x40000015, CrashKind::kAbort},
      {0xC0000409, CrashKind::kFault},  // a fast-fail, if anybody ever raised it as an exception
      {0xE0001234, CrashKind::kFault},  // a program's own
      {0, CrashKind::kFault},
  };
  for (const auto& row : table) {
    CAPTURE(row.code);
    EXCEPTION_RECORD record = {};
    record.ExceptionCode = row.code;
    const CrashFacts facts = FactsOfException(record, AtStack(0x10000000));
    CHECK(facts.kind == row.kind);
    CHECK(facts.code == row.code);
    CHECK(facts.stack_pointer == 0x10000000);
  }
}

TEST_CASE("the address of an access violation is classified, that of nothing else") {
  const CONTEXT context = AtStack(0x10000000);
  const auto classify = [&](const EXCEPTION_RECORD& record) { return FactsOfException(record, context).address_class; };
  CHECK(classify(Access(0xC0000005, 1, 0x18)) == AddressClass::kNearNull);
  CHECK(classify(Access(0xC0000005, 0, 0xFFFF)) == AddressClass::kNearNull);
  CHECK(classify(Access(0xC0000005, 0, 0x10000)) == AddressClass::kOther);
  CHECK(classify(Access(0xC0000005, 1, 0x10000000 - 4096)) == AddressClass::kStack);
  CHECK(classify(Access(0xC0000005, 1, 0x10000000 + 4096)) == AddressClass::kStack);
  CHECK(classify(Access(0xC0000005, 0, UINTPTR_MAX)) == AddressClass::kNonCanonical);
  CHECK(classify(Access(0xC0000006, 0, 0x7FF000000000)) == AddressClass::kOther);
  CHECK(classify(Access(0xC0000094, 0, 0x18)) == AddressClass::kUnknown);
  EXCEPTION_RECORD bare = Access(0xC0000005, 1, 0x18);
  bare.NumberParameters = 1;
  CHECK(classify(bare) == AddressClass::kUnknown);
}

TEST_CASE("the kind of access is kept where one is given") {
  const CONTEXT context = AtStack(0x10000000);
  CHECK(FactsOfException(Access(0xC0000005, 0, 8), context).signal_code == 1);
  CHECK(FactsOfException(Access(0xC0000005, 1, 8), context).signal_code == 2);
  CHECK(FactsOfException(Access(0xC0000005, 8, 8), context).signal_code == 9);
  CHECK(FactsOfException(Access(0xC0000005, 77, 8), context).signal_code == 0);
  CHECK(FactsOfException(Access(0xE0001234, 1, 8), context).signal_code == 0);
}

TEST_CASE("TCP statistics become the facts of Linux' names, and what a shorter answer lacks stays unknown") {
  WindowsTcpInfo info = {};
  info.state = 4;  // ESTABLISHED
  info.mss = 1460;
  info.rtt_us = 31000;
  info.min_rtt_us = 29000;
  info.snd_wnd = 0;
  info.timeout_episodes = 3;
  SocketFacts facts;
  ReadTcpInfo(info, sizeof info, &facts);
  CHECK(facts.tcp_state.value == 1);
  CHECK(facts.snd_mss_bytes.value == 1460);
  CHECK(facts.rtt_us.value == 31000);
  CHECK(facts.min_rtt_us.value == 29000);
  CHECK(facts.snd_wnd_bytes.known);
  CHECK(facts.snd_wnd_bytes.value == 0);
  CHECK(facts.total_rto.value == 3);
  CHECK_FALSE(facts.retransmits.known);
  CHECK_FALSE(facts.outq_bytes.known);

  const int linux_states[] = {7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6};
  for (int state = 0; state < 11; ++state) {
    info.state = state;
    facts = {};
    ReadTcpInfo(info, sizeof info, &facts);
    CHECK(facts.tcp_state.value == linux_states[state]);
  }
  for (const int state : {-1, 11, 99}) {
    info.state = state;
    facts = {};
    ReadTcpInfo(info, sizeof info, &facts);
    CHECK_FALSE(facts.tcp_state.known);
  }

  facts = {};
  ReadTcpInfo(info, 24, &facts);  // up to rtt_us
  CHECK(facts.rtt_us.known);
  CHECK_FALSE(facts.min_rtt_us.known);
  CHECK_FALSE(facts.total_rto.known);
  info.rtt_us = 0;
  info.min_rtt_us = UINT32_MAX;
  facts = {};
  ReadTcpInfo(info, sizeof info, &facts);
  CHECK_FALSE(facts.rtt_us.known);
  CHECK_FALSE(facts.min_rtt_us.known);
}

TEST_CASE("a session's end is announced by its messages, and called off; the end of this one process is none") {
  constexpr LPARAM kCloseApp = ENDSESSION_CLOSEAPP;
  constexpr auto kLogOff = static_cast<LPARAM>(ENDSESSION_LOGOFF);
  constexpr SessionFacts kGame, kOfServices = {true, false}, kShuttingDown = {false, true};
  const struct {
    UINT message;
    WPARAM wide;
    LPARAM narrow;
    SessionFacts facts;
    const char* said;
  } table[] = {
      {WM_QUERYENDSESSION, 0, 0, kGame, "announced"},
      {WM_QUERYENDSESSION, 0, kLogOff, kGame, "announced"},
      {WM_QUERYENDSESSION, 0, kLogOff | LPARAM{0x40000000}, kGame, "announced"},
      {WM_ENDSESSION, TRUE, 0, kGame, "announced"},
      {WM_ENDSESSION, TRUE, kLogOff, kGame, "announced"},
      {WM_ENDSESSION, FALSE, 0, kGame, "cancelled"},
      {WM_ENDSESSION, FALSE, kLogOff, kGame, "cancelled"},
      // An installer wants the game's files; a shutdown that starts its programs again says the same to them.
      {WM_QUERYENDSESSION, 0, kCloseApp, kGame, ""},
      {WM_ENDSESSION, TRUE, kCloseApp, kGame, ""},
      {WM_ENDSESSION, FALSE, kCloseApp, kGame, "cancelled"},
      {WM_QUERYENDSESSION, 0, kCloseApp, kShuttingDown, "announced"},
      {WM_ENDSESSION, TRUE, kCloseApp, kShuttingDown, "announced"},
      // A service goes on when somebody logs off.
      {WM_ENDSESSION, TRUE, kLogOff, kOfServices, ""},
      {WM_ENDSESSION, TRUE, 0, kOfServices, "announced"},
      {WM_CLOSE, 0, 0, kGame, ""},
  };
  for (const auto& row : table) {
    CAPTURE(row.message);
    CAPTURE(row.narrow);
    SessionEndNotice notice = SessionEndNotice::kCancelled;
    const bool told = NoticeOfMessage(row.message, row.wide, row.narrow, row.facts, &notice);
    CHECK(std::string(!told ? "" : notice == SessionEndNotice::kAnnounced ? "announced" : "cancelled") == row.said);
  }
}

TEST_CASE("a console program's session ends at a shutdown, and at a log-off unless it is a service") {
  SessionEndNotice notice = SessionEndNotice::kCancelled;
  for (const bool of_services : {false, true}) {
    CAPTURE(of_services);
    CHECK(NoticeOfConsoleEvent(CTRL_SHUTDOWN_EVENT, of_services, &notice));
    CHECK((notice == SessionEndNotice::kAnnounced));
    CHECK(NoticeOfConsoleEvent(CTRL_LOGOFF_EVENT, of_services, &notice) != of_services);
    for (const DWORD event : {CTRL_C_EVENT, CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT}) {
      CHECK_FALSE(NoticeOfConsoleEvent(event, of_services, &notice));
    }
  }
}

TEST_CASE("addresses that come and go and default routes are events; changed parameters and other routes are none") {
  NetworkEvent event;
  MIB_UNICASTIPADDRESS_ROW address = {};
  address.InterfaceIndex = 12;
  REQUIRE(EventOfAddress(address, MibAddInstance, &event));
  CHECK(event.type == NetworkEvent::Type::kAddressAdded);
  CHECK(event.interface_index == 12);
  REQUIRE(EventOfAddress(address, MibDeleteInstance, &event));
  CHECK(event.type == NetworkEvent::Type::kAddressRemoved);
  CHECK_FALSE(EventOfAddress(address, MibParameterNotification, &event));
  CHECK_FALSE(EventOfAddress(address, MibInitialNotification, &event));

  MIB_IPFORWARD_ROW2 route = {};
  route.InterfaceIndex = 7;
  REQUIRE(EventOfRoute(route, MibAddInstance, &event));
  CHECK(event.type == NetworkEvent::Type::kRouteAdded);
  CHECK(event.interface_index == 7);
  REQUIRE(EventOfRoute(route, MibDeleteInstance, &event));
  CHECK(event.type == NetworkEvent::Type::kRouteRemoved);
  route.DestinationPrefix.PrefixLength = 24;
  CHECK_FALSE(EventOfRoute(route, MibDeleteInstance, &event));
}
