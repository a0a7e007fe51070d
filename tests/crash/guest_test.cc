// The SDK as a guest in the game's process: it bears rough treatment, calls the game's handlers as the system would,
// and is quiet when there is nothing to do.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "../unit/session/session_fixture.h"
#include "left_ring.h"
#include "respawn.h"

using whydrop_test::LeftRing;
using whydrop_test::OpenTcp;
using whydrop_test::OutputOf;
using whydrop_test::ReadLeftRing;
using whydrop_test::Started;
using whydrop_test::TempDir;

namespace {

void Tell() {
  if (write(STDOUT_FILENO, "H", 1) != 1) _exit(96);
}
void TellAndReturn(int signal_number) {
  Tell();
  signal(signal_number, SIG_DFL);  // the fault comes again, and ends the process
}
void TellAndExit(int, siginfo_t*, void*) {
  Tell();
  _exit(7);
}
void TellAndRaise(int signal_number) {
  Tell();
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void Segfault() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

struct Handling {
  const char* name;
  int signal_number;
  void (*install)();
  void (*die)();
};
const Handling kHandlings[] = {
    {"returns", SIGSEGV, [] { signal(SIGSEGV, TellAndReturn); }, Segfault},
    {"raises", SIGSEGV, [] { signal(SIGSEGV, TellAndRaise); }, Segfault},
    {"exits", SIGSEGV,
     [] {
       struct sigaction action = {};
       action.sa_flags = SA_SIGINFO | SA_ONSTACK;
       action.sa_sigaction = TellAndExit;
       sigaction(SIGSEGV, &action, nullptr);
     },
     Segfault},
    {"abort", SIGABRT, [] { signal(SIGABRT, TellAndReturn); }, [] { abort(); }},
    {"sent", SIGSEGV, [] { signal(SIGSEGV, TellAndRaise); }, [] { kill(getpid(), SIGSEGV); }},
};

// With a directory the SDK is started over the game's handler, without one there is no SDK.
int RunHandling(const std::string& name, const char* dir) {
  for (const Handling& handling : kHandlings) {
    if (name != handling.name) continue;
    handling.install();
    static Started session(dir == nullptr ? "" : dir);
    if (dir != nullptr && session.Start() != WHYDROP_OK) return 99;
    handling.die();
  }
  return 98;
}

uint64_t CpuMs() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1000 + static_cast<uint64_t>(time.tv_usec) / 1000;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

// A game that closes every descriptor, also those it does not know, and plays on. 0 if nothing was found wrong.
int RunCloseAll(const char* dir) {
  static Started session(dir);
  if (session.Start() != WHYDROP_OK) return 90;
  if (whydrop_flush(20000) != WHYDROP_OK) return 91;
  if (syscall(SYS_close_range, 3, ~0U, 0) != 0) {
    for (int fd = 3; fd < 1024; ++fd) close(fd);
  }
  const uint64_t before_ms = CpuMs();
  const whydrop_conn conn = OpenTcp();
  // The time itself is what is tested: a worker that spins on its dead descriptors burns all of it.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  whydrop_conn_sent(conn, 100);
  if (CpuMs() - before_ms > 200) return 92;
  if (whydrop_flush(20000) != WHYDROP_OK) return 93;
  if (CpuMs() - before_ms > 300) return 94;
  kill(getpid(), SIGKILL);
  return 95;
}

// Every number that was the SDK's names something of the game now: eventfds, or sockets with a message that waits.
std::vector<int> TakeAllNumbers(bool sockets) {
  std::vector<int> taken;
  while (taken.size() < 64) {
    int pair[2];
    if (sockets && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0) {
      taken.insert(taken.end(), {pair[0], pair[1]});
      for (const int fd : pair) [[maybe_unused]] const ssize_t sent = send(fd, "m", 1, 0);
    } else {
      taken.push_back(eventfd(0, EFD_NONBLOCK));
    }
  }
  return taken;
}

// Nothing was written to them, read from them, and none was closed.
bool AreUntouched(const std::vector<int>& taken, bool sockets) {
  for (const int fd : taken) {
    uint64_t value = 0;
    const ssize_t size = read(fd, &value, sizeof value);
    if (sockets ? size != 1 : size != -1 || errno != EAGAIN) return false;
  }
  return true;
}

// A game that closes every descriptor and opens its own under the same numbers. 0 if the SDK left them alone.
int RunReopen(const char* dir, bool sockets) {
  static Started session(dir);
  if (session.Start() != WHYDROP_OK) return 90;
  if (whydrop_flush(20000) != WHYDROP_OK) return 91;
  if (syscall(SYS_close_range, 3, ~0U, 0) != 0) return 96;  // Linux 5.9
  const std::vector<int> taken = TakeAllNumbers(sockets);
  const uint64_t before_ms = CpuMs();
  whydrop_conn_close(OpenTcp(), WHYDROP_CLOSE_NORMAL);
  if (whydrop_flush(20000) != WHYDROP_OK) return 92;     // wakes the worker, which has pulses meanwhile
  std::this_thread::sleep_for(std::chrono::seconds(1));  // the time itself is what is tested
  if (CpuMs() - before_ms > 300) return 93;
  whydrop_stop();
  return AreUntouched(taken, sockets) ? 0 : 94;
}

// How often somebody opens or lists the directory, or a file in it, while this is done.
template <typename Action>
int Visits(const std::string& directory, Action action) {
  const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watch < 0 || inotify_add_watch(watch, directory.c_str(), IN_OPEN | IN_ACCESS | IN_CREATE) < 0) return -1;
  action();
  alignas(inotify_event) char events[8192];
  const ssize_t size = read(watch, events, sizeof events);
  close(watch);
  int visits = 0;
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(events + at);
    at += static_cast<ssize_t>(sizeof *event + event->len);
    ++visits;
  }
  return visits;
}

}  // namespace

TEST_CASE("the game's own handler is called exactly once, and the exit status is its own") {
  for (const Handling& handling : kHandlings) {
    CAPTURE(handling.name);
    TempDir dir;
    int with = 0;
    int without = 0;
    CHECK(OutputOf({"--handling", handling.name, dir.path()}, &with) == "H");
    CHECK(OutputOf({"--handling", handling.name}, &without) == "H");
    CHECK(with == without);
    const std::vector<std::string> rings = dir.Files(".ring");
    REQUIRE(rings.size() == 1);
    const LeftRing left = ReadLeftRing(rings[0]);
    CHECK_FALSE(left.damaged());
    CHECK(left.report.end.cause == WHYDROP_CAUSE_CLIENT_CRASH);
    CHECK(left.ring.life.crash.code == static_cast<uint32_t>(handling.signal_number));
  }
}

TEST_CASE("a game that closes all descriptors costs the SDK neither its life nor its peace") {
  TempDir dir;
  int status = 0;
  OutputOf({"--close-all", dir.path()}, &status);
  CHECK_MESSAGE(!WIFEXITED(status), "the child found fault ", WEXITSTATUS(status));
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  const std::vector<std::string> rings = dir.Files(".ring");
  REQUIRE(rings.size() == 1);
  const LeftRing left = ReadLeftRing(rings[0]);
  CHECK_FALSE(left.damaged());
  CHECK(left.report.end.cause == WHYDROP_CAUSE_CLIENT_KILLED);
  CHECK(left.report.open_connections == 1);
}

TEST_CASE("what a game opens under the numbers of descriptors it closed is left alone") {
  for (const char* kind : {"eventfds", "sockets"}) {
    CAPTURE(kind);
    TempDir dir;
    int status = 0;
    OutputOf({"--reopen", dir.path(), kind}, &status);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 96) continue;
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("while no batch waits, the state directory is left in peace") {
  TempDir dir;
  Started session(dir.path());
  session.config.upload_url = "https://localhost/v1/batches";
  session.config.upload_delay_ms = 0;
  session.config.transport = [](const whydrop_request*, whydrop_response*, void*) {};
  REQUIRE(session.Start() == WHYDROP_OK);
  REQUIRE(whydrop_flush(20000) == WHYDROP_OK);
  const std::string directory = dir.path() + "/test.game";
  // The time itself is what is tested: four pulses and more.
  CHECK(Visits(directory, [] { std::this_thread::sleep_for(std::chrono::milliseconds(1300)); }) == 0);
  // What is counted here would have been seen.
  CHECK(Visits(directory, [] { whydrop_flush(20000); }) > 0);
}

int main(int argc, char** argv) {
  if (argc >= 3 && std::strcmp(argv[1], "--handling") == 0) return RunHandling(argv[2], argc > 3 ? argv[3] : nullptr);
  if (argc == 3 && std::strcmp(argv[1], "--close-all") == 0) return RunCloseAll(argv[2]);
  if (argc == 4 && std::strcmp(argv[1], "--reopen") == 0) {
    return RunReopen(argv[2], std::strcmp(argv[3], "sockets") == 0);
  }
  doctest::Context context(argc, argv);
  return context.run();
}
