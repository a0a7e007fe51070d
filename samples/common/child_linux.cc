// Programs and namespaces on Linux.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "common/child.h"

namespace samples {
namespace {

constexpr int kCannotStart = 127;

volatile std::sig_atomic_t interrupted = 0;
void OnInterrupt(int) { interrupted = 1; }

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Everything that the new process needs, made before the fork: other threads may hold the heap's locks.
struct Launch {
  std::vector<char*> arguments;
  const Place* place = nullptr;
  int input = -1, output = -1, error = -1;
};

bool EnterPlace(const Place& place) {
  if (place.network >= 0 && setns(place.network, CLONE_NEWNET) != 0) return false;
  if (place.boot_id_file.empty()) return true;
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount(place.boot_id_file.c_str(), "/proc/sys/kernel/random/boot_id", nullptr, MS_BIND, nullptr) == 0;
}

// In the forked child: only calls that are safe after a fork of a process with threads.
[[noreturn]] void Become(const Launch& launch, pid_t parent) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotStart);
  // Of its own group: Ctrl-C reaches only the program that drives, which then ends everything in order.
  (void)setpgid(0, 0);
  if (dup2(launch.input, 0) < 0 || dup2(launch.output, 1) < 0) _exit(kCannotStart);
  if (launch.error >= 0 && dup2(launch.error, 2) < 0) _exit(kCannotStart);
  if (launch.place->inherited >= 0) (void)fcntl(launch.place->inherited, F_SETFD, 0);
  if (!EnterPlace(*launch.place)) _exit(kCannotStart);
  execvp(launch.arguments[0], launch.arguments.data());
  _exit(kCannotStart);
}

std::vector<char*> Pointers(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

bool MakePipe(Descriptor* reader, Descriptor* writer) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  *reader = Descriptor(ends[0]);
  *writer = Descriptor(ends[1]);
  return true;
}

int StatusOf(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    Reset();
    number_ = other.Release();
  }
  return *this;
}

int Descriptor::Release() {
  const int number = number_;
  number_ = -1;
  return number;
}

void Descriptor::Reset() {
  if (number_ >= 0) (void)close(number_);
  number_ = -1;
}

Descriptor CurrentNetwork() { return Descriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

Descriptor NewNetwork(int* error) {
  const Descriptor home = CurrentNetwork();
  if (unshare(CLONE_NEWNET) != 0) {
    *error = errno;
    return Descriptor();
  }
  Descriptor made = CurrentNetwork();
  if (setns(home.get(), CLONE_NEWNET) != 0) std::abort();  // going on in the wrong network would break the host's
  return made;
}

std::string PathOf(const Descriptor& descriptor) {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(descriptor.get());
}

ScopedNetwork::ScopedNetwork(int network) : previous_(CurrentNetwork()) {
  if (setns(network, CLONE_NEWNET) != 0) previous_.Reset();
}

ScopedNetwork::~ScopedNetwork() {
  if (previous_.valid() && setns(previous_.get(), CLONE_NEWNET) != 0) std::abort();
}

bool Child::Start(const std::vector<std::string>& arguments, const Place& place, int* error) {
  Descriptor child_input, child_output;
  if (!MakePipe(&child_input, &input_) || !MakePipe(&output_, &child_output)) {
    *error = errno;
    return false;
  }
  Launch launch;
  launch.arguments = Pointers(arguments);
  launch.place = &place;
  launch.input = child_input.get();
  launch.output = child_output.get();
  Descriptor errors;
  if (!place.error_file.empty()) {
    errors = Descriptor(open(place.error_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    launch.error = errors.get();
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(launch, parent);
  if (pid < 0) {
    *error = errno;
    return false;
  }
  pid_ = pid;
  process_ = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return true;
}

bool Child::WriteLine(const std::string& line) {
  const std::string text = line + "\n";
  return write(input_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

Child::Read Child::ReadLine(int timeout_ms, std::string* line) {
  const int64_t deadline_ms = NowMs() + timeout_ms;
  for (;;) {
    const size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      *line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return Read::kLine;
    }
    pollfd waiting = {output_.get(), POLLIN, 0};
    const int64_t left_ms = deadline_ms - NowMs();
    if (poll(&waiting, 1, left_ms > 0 ? static_cast<int>(left_ms) : 0) <= 0) {
      if (left_ms <= 0) return Read::kTimeout;
      continue;
    }
    char data[1024];
    const ssize_t count = read(output_.get(), data, sizeof data);
    if (count <= 0) return Read::kEnd;
    pending_.append(data, static_cast<size_t>(count));
  }
}

void Child::Signal(int number) const {
  if (pid_ > 0) (void)kill(pid_, number);
}

bool Child::Wait(int timeout_ms, int* status) {
  if (pid_ > 0) {
    pollfd waiting = {process_.get(), POLLIN, 0};
    if (poll(&waiting, 1, timeout_ms) <= 0) return false;
    int wait_status = 0;
    (void)waitpid(pid_, &wait_status, 0);
    status_ = StatusOf(wait_status);
    pid_ = -1;
  }
  *status = status_;
  return true;
}

void Child::Kill() {
  if (pid_ <= 0) return;
  Signal(SIGKILL);
  (void)waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int RunProgram(const std::vector<std::string>& arguments, int network, const std::string& input, std::string* output) {
  Descriptor child_input, child_output, to_child, from_child;
  if (!MakePipe(&child_input, &to_child) || !MakePipe(&from_child, &child_output)) return kCannotStart;
  Launch launch;
  Place place;
  place.network = network;
  launch.arguments = Pointers(arguments);
  launch.place = &place;
  launch.input = child_input.get();
  launch.output = launch.error = child_output.get();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(launch, parent);
  if (pid < 0) return kCannotStart;
  child_input.Reset();
  child_output.Reset();
  // The texts given here fit into a pipe, so that writing does not wait for a reader.
  if (!input.empty() && write(to_child.get(), input.data(), input.size()) < 0)
    output->append("cannot write its input\n");
  to_child.Reset();
  char data[1024];
  for (ssize_t count; (count = read(from_child.get(), data, sizeof data)) > 0;) {
    output->append(data, static_cast<size_t>(count));
  }
  int wait_status = 0;
  (void)waitpid(pid, &wait_status, 0);
  return StatusOf(wait_status);
}

std::string OwnProgram() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : std::string();
}

bool WriteSystemFile(const std::string& path, const std::string& value, int* error) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const bool written = file.valid() && write(file.get(), value.data(), value.size()) >= 0;
  if (!written) *error = errno;
  return written;
}

bool TakeInputLine(std::string* buffer, std::string* line) {
  for (;;) {
    const size_t end = buffer->find('\n');
    if (end != std::string::npos) {
      *line = buffer->substr(0, end);
      buffer->erase(0, end + 1);
      return true;
    }
    pollfd waiting = {STDIN_FILENO, POLLIN, 0};
    if (poll(&waiting, 1, 0) <= 0) return false;
    char data[1024];
    const ssize_t count = read(STDIN_FILENO, data, sizeof data);
    if (count <= 0) _exit(0);
    buffer->append(data, static_cast<size_t>(count));
  }
}

void WaitForInput(int timeout_ms) {
  pollfd waiting = {STDIN_FILENO, POLLIN, 0};
  (void)poll(&waiting, 1, timeout_ms);
}

void Pause(int ms) { (void)poll(nullptr, 0, ms); }

void WatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  (void)sigaction(SIGINT, &action, nullptr);
  (void)sigaction(SIGTERM, &action, nullptr);
  (void)signal(SIGPIPE, SIG_IGN);
}

bool Interrupted() { return interrupted != 0; }

std::string NewDirectory(int* error) {
  std::string name = "/tmp/close_lab.XXXXXX";
  if (mkdtemp(name.data()) != nullptr) return name;
  *error = errno;
  return std::string();
}

void ForbidCoreFiles() {
  const rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
}

void ExitNow(int status) { _exit(status); }

}  // namespace samples
