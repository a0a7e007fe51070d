// What the next launch makes of the marks that a Windows session leaves, by a table of bytes in a ring: most of these
// codes cannot be raised under Wine, and the ring of a Windows player may be read on Linux.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "../ring/ring_fixture.h"
#include "ring/crash_marker.h"
#include "upload/session_report.h"

namespace whydrop {
namespace {

using platform::CrashKind;

RingIdentity WindowsIdentity() {
  RingIdentity identity = TestIdentity();
  identity.system = 2;
  return identity;
}

// The last sign of life was a second after the start; nothing else is known.
struct WindowsRing : TestRing {
  WindowsRing() : TestRing(65536, 64, WindowsIdentity()) { writer.life()->tick_ms = 1000; }

  Cause End() const { return ReportSession(Read(), HarvestFacts{}).end.cause; }
};

TEST_CASE("every exception code is a crash with its code and kind, also one that nobody knows") {
  const struct {
    uint32_t code;
    CrashKind kind;
  } table[] = {
      {0xC0000005, CrashKind::kFault},
      {0xC0000006, CrashKind::kFault},
      {0xC000001D, CrashKind::kFault},
      {0xC0000094, CrashKind::kFault},
      {0x80000003, CrashKind::kFault},
      {0xC00000FD, CrashKind::kStackOverflow},
      {0xC0000374, CrashKind::kRuntimeCheck},
      {0xC0000417, CrashKind::kRuntimeCheck},
      {0xE06D7363, CrashKind::kTerminate},
      {0x40000015, CrashKind::kAbort},
      {0xC0000409, CrashKind::kFault},
      {0xDEADBEEF, CrashKind::kFault},
      {0, CrashKind::kFault},
  };
  for (const auto& row : table) {
    CAPTURE(row.code);
    WindowsRing ring;
    platform::CrashFacts facts;
    facts.code = row.code;
    facts.kind = row.kind;
    facts.signal_code = 2;
    facts.thread_id = 4;
    facts.stack_pointer = 0x10000;
    facts.offset = 0x1234;
    std::memcpy(facts.module, "game.exe", 8);
    MarkCrash(ring.writer.life(), facts, 900, nullptr, 0);
    CHECK(ring.End() == WHYDROP_CAUSE_CLIENT_CRASH);
    const RingLife::Crash crash = ring.Read().life.crash;
    CHECK(crash.code == row.code);
    CHECK(crash.kind == static_cast<int32_t>(row.kind));
    CHECK(crash.module == "game.exe");
    CHECK(crash.offset == 0x1234);
  }
}

TEST_CASE("without a mark it was killed: by Task Manager, a fast-fail, or a broken heap that nobody was told of") {
  CHECK(WindowsRing().End() == WHYDROP_CAUSE_CLIENT_KILLED);
}

TEST_CASE("a filter that repaired the fault leaves no crash behind") {
  WindowsRing ring;
  platform::CrashFacts facts;
  facts.code = 0xC0000005;
  facts.thread_id = 4;
  MarkCrash(ring.writer.life(), facts, 900, nullptr, 0);
  MarkReturned(ring.writer.life(), 4);
  CHECK(ring.End() == WHYDROP_CAUSE_CLIENT_KILLED);
}

TEST_CASE("an announced log-off is a shutdown, one that was called off is not, and a crash during it is a crash") {
  WindowsRing ring;
  LifePage* life = ring.writer.life();
  life->shutdown_announced = 1;
  CHECK(ring.End() == WHYDROP_CAUSE_SYSTEM_SHUTDOWN);
  life->clean_mark = 1;  // ExitProcess, while the system waits
  CHECK(ring.End() == WHYDROP_CAUSE_SYSTEM_SHUTDOWN);
  life->shutdown_announced = 0;
  CHECK(ring.End() == WHYDROP_CAUSE_CLEAN_EXIT);
  life->shutdown_announced = 1;
  platform::CrashFacts facts;
  facts.code = 0xC0000005;
  MarkCrash(life, facts, 900, nullptr, 0);
  CHECK(ring.End() == WHYDROP_CAUSE_CLIENT_CRASH);
}

}  // namespace
}  // namespace whydrop
