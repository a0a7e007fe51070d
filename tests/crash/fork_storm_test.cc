// A game that forks two hundred times while eight of its threads record; a third of the children start sessions of
// their own, half of these in the parent's directory. Nobody damages a ring, his own or another's.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "../unit/session/session_fixture.h"
#include "left_ring.h"
#include "respawn.h"

using whydrop_test::LeftRing;
using whydrop_test::OpenTcp;
using whydrop_test::OutputOf;
using whydrop_test::ReadLeftRing;
using whydrop_test::Started;
using whydrop_test::TempDir;
using whydrop_test::Wait;

namespace {

constexpr int kForks = 200;
constexpr int kThreads = 8;

enum class Way { kStop, kKill, kCrash };
Way WayOf(int number) { return static_cast<Way>(number % 9 / 3); }
bool HasSession(int number) {
#if defined(__SANITIZE_THREAD__)  // which allows no new thread in a forked child
  return number < 0;
#else
  return number % 3 == 0;
#endif
}
bool SharesDirectory(int number) { return number % 2 == 0; }
std::string DirectoryOf(const std::string& dir, int number) {
  return SharesDirectory(number) ? dir : dir + "/" + std::to_string(number);
}

[[noreturn]] void RunForked(const std::string& dir, int number) {
  // The parent's session is none of ours: these do nothing.
  const bool inert = OpenTcp() == 0;
  whydrop_heartbeat();
  if (!inert || !HasSession(number)) _exit(inert ? 0 : 1);
  Started session(DirectoryOf(dir, number));
  if (session.Start() != WHYDROP_OK || OpenTcp() == 0) _exit(2);
  if (WayOf(number) == Way::kKill) kill(getpid(), SIGKILL);
  if (WayOf(number) == Way::kCrash) raise(SIGSEGV);
  whydrop_stop();
  _exit(0);
}

bool EndedAsTold(int number, int status) {
  const Way way = HasSession(number) ? WayOf(number) : Way::kStop;
  if (way == Way::kKill) return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (way == Way::kCrash) return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The forking game itself: prints how many connections it closed and how many children ended otherwise than told, and
// is killed.
int RunStorm(const char* dir) {
  Started session(dir);
  if (session.Start() != WHYDROP_OK) return 99;
  std::atomic<bool> over{false};
  std::atomic<unsigned> closed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      while (!over.load()) {
        const whydrop_conn conn = OpenTcp();
        whydrop_conn_sent(conn, 1);
        whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
        closed.fetch_add(1);
      }
    });
  }
  std::vector<pid_t> children;
  for (int i = 0; i < kForks; ++i) {
    children.push_back(fork());
    if (children.back() == 0) RunForked(dir, i);
  }
  int strays = 0;
  for (int i = 0; i < kForks; ++i) strays += EndedAsTold(i, Wait(children[static_cast<size_t>(i)])) ? 0 : 1;
  over.store(true);
  for (std::thread& thread : threads) thread.join();
  std::printf("%u %d\n", closed.load(), strays);
  std::fflush(stdout);
  kill(getpid(), SIGKILL);
  return 98;
}

void CheckOwnDirectory(const std::string& dir, int number) {
  CAPTURE(number);
  std::vector<std::string> rings;
  for (const auto& entry : std::filesystem::directory_iterator(DirectoryOf(dir, number) + "/test.game")) {
    rings.push_back(entry.path().string());
  }
  REQUIRE(rings.size() == 1);
  const LeftRing left = ReadLeftRing(rings[0]);
  CHECK_FALSE(left.damaged());
  const Way way = WayOf(number);
  CHECK(left.report.end.cause == (way == Way::kStop   ? WHYDROP_CAUSE_CLEAN_EXIT
                                  : way == Way::kKill ? WHYDROP_CAUSE_CLIENT_KILLED
                                                      : WHYDROP_CAUSE_CLIENT_CRASH));
  CHECK(left.ring.life.crash.code == (way == Way::kCrash ? SIGSEGV : 0));
  CHECK(left.report.open_connections == 1);
}

// Children that share the parent's directory harvest each other, so theirs are rings or batches by now.
void CheckSharedDirectory(const TempDir& dir, uint64_t closed) {
  CHECK(dir.Files(".bad").empty());
  size_t shared = 0;
  for (int i = 0; i < kForks; ++i) shared += HasSession(i) && SharesDirectory(i) ? 1 : 0;
  std::set<std::string> sessions;
  for (const char* ending : {".ring", ".batch"}) {
    for (const std::string& path : dir.Files(ending)) {
      sessions.insert(std::filesystem::path(path).filename().string().substr(0, 32));
    }
  }
  CHECK(sessions.size() == shared + 1);
  int parents = 0;
  for (const std::string& path : dir.Files(".ring")) {
    const LeftRing left = ReadLeftRing(path);
    CHECK_FALSE(left.damaged());
    uint64_t counted = 0;
    for (const whydrop::RingTotal& total : left.ring.totals) counted += total.count;
    if (counted == 0) continue;
    ++parents;
    CHECK(counted == closed);
    CHECK(left.ring.life.connections_opened == closed);
    CHECK(left.report.end.cause == WHYDROP_CAUSE_CLIENT_KILLED);
    CHECK(left.report.open_connections == 0);
    CHECK(left.ring.damage.slots_unfinished == 0);
  }
  CHECK(parents == 1);
}

}  // namespace

TEST_CASE("two hundred forks amid recording threads damage no ring, and each session ends as it did") {
  TempDir dir(TestDirectory::Temporary());  // rings of sixty sessions: more than a small memory disk may hold
  for (int i = 0; i < kForks; ++i) std::filesystem::create_directories(DirectoryOf(dir.path(), i));
  int status = 0;
  const std::string text = OutputOf({"--storm", dir.path()}, &status, 200);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  unsigned closed = 0;
  int strays = -1;
  REQUIRE(std::sscanf(text.c_str(), "%u %d", &closed, &strays) == 2);
  CHECK(strays == 0);
  CHECK(closed > 0);
  CheckSharedDirectory(dir, closed);
  for (int i = 0; i < kForks; ++i) {
    if (HasSession(i) && !SharesDirectory(i)) CheckOwnDirectory(dir.path(), i);
  }
}

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--storm") == 0) return RunStorm(argv[2]);
  doctest::Context context(argc, argv);
  return context.run();
}
