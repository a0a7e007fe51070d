#include "ring/crash_marker.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "ring_fixture.h"

namespace whydrop {
namespace {

platform::CrashFacts FactsOf(uint64_t thread) {
  platform::CrashFacts facts;
  facts.code = 11;
  facts.signal_code = -6;
  facts.address_class = platform::AddressClass::kStack;
  facts.thread_id = thread;
  facts.stack_pointer = 1000;
  std::memset(facts.module, 'm', sizeof facts.module);
  facts.offset = 0x1234;
  return facts;
}

TEST_CASE("the first crash stands, with bounded texts") {
  TestRing ring;
  const std::string id(100, 'r');
  MarkCrash(ring.writer.life(), FactsOf(5), 77, id.data(), id.size());
  MarkCrash(ring.writer.life(), FactsOf(6), 78, nullptr, 0);
  const RingLife::Crash crash = ring.Read().life.crash;
  CHECK(crash.state == MarkerState::kCrashed);
  CHECK(crash.thread_id == 5);
  CHECK(crash.code == 11);
  CHECK(crash.signal_code == -6);
  CHECK(crash.at_ms == 77);
  CHECK(crash.module == std::string(kMaxModuleBytes, 'm'));
  CHECK(crash.report_id == std::string(kMaxReportIdBytes, 'r'));
  CHECK_FALSE(crash.exiting);
}

TEST_CASE("only the crashed thread, back above its interrupted stack, revokes the marker") {
  TestRing ring;
  LifePage* life = ring.writer.life();
  MarkCrash(life, FactsOf(5), 1, nullptr, 0);
  RevokeIfRecovered(life, 6, 2000);
  RevokeIfRecovered(life, 5, 999);
  CHECK(ring.Read().life.crash.state == MarkerState::kCrashed);
  RevokeIfRecovered(life, 5, 1000);
  CHECK(ring.Read().life.crash.state == MarkerState::kNone);
  CHECK(ring.Read().life.crash.recovered == 1);
  life->clean_mark = 1;
  MarkCrash(life, FactsOf(7), 9, nullptr, 0);
  CHECK(ring.Read().life.crash.thread_id == 7);
  CHECK(ring.Read().life.crash.exiting);
}

TEST_CASE("a fault whose handler returned does not hide a later crash") {
  TestRing ring;
  LifePage* life = ring.writer.life();
  MarkCrash(life, FactsOf(5), 1, nullptr, 0);
  MarkReturned(life, 6);
  CHECK(ring.Read().life.crash.state == MarkerState::kCrashed);
  MarkReturned(life, 5);
  CHECK(ring.Read().life.crash.state == MarkerState::kReturned);
  MarkCrash(life, FactsOf(6), 2, nullptr, 0);
  CHECK(ring.Read().life.crash.state == MarkerState::kCrashed);
  CHECK(ring.Read().life.crash.thread_id == 6);
}

TEST_CASE("a report that the game names after the marker stands is added once") {
  TestRing ring;
  LifePage* life = ring.writer.life();
  MarkCrash(life, FactsOf(5), 77, nullptr, 0);
  platform::CrashFacts marked = FactsOf(6);
  marked.code = 99;
  MarkCrash(life, marked, 78, "report-1", 8);
  MarkCrash(life, marked, 79, "report-2", 8);
  const RingLife::Crash crash = ring.Read().life.crash;
  CHECK(crash.report_id == "report-1");
  CHECK(crash.code == 11);
  CHECK(crash.thread_id == 5);
  CHECK(crash.at_ms == 77);
}

}  // namespace
}  // namespace whydrop
